// SPDX-License-Identifier: BSD-3-Clause

package main

const (
	builtWithout = "SPDK was recorded without its crypto library"
	wrongWords   = "SPDK puts a negated errno into words"
	ticksOnly    = "SPDK keeps ticks and loses a microsecond"
	unloadable   = "SPDK saves a block size with the metadata, and refuses it when it is loaded"
	whatWasRead  = "it depends on what the modules read when they examine"
)

// exceptions are requests whose answers differ, all of them or the one of
// that number, and why. Ours are checked by the tests of the packages.
var exceptions = map[string]string{
	"framework_set_scheduler zebra":  wrongWords,
	"bdev_get_histogram Malloc0 (2)": "SPDK answers even if the histogram has been turned off",
	"accel_crypto_key_create -c AES_XTS -k 00112233445566778899001122334455 -e 11112222333344445555666677778888 -n key0":                      builtWithout,
	"accel_crypto_key_create -c AES_CBC -k 00112233445566778899001122334455 -n key1":                                                          builtWithout,
	"accel_crypto_key_create -c AES_XTS -k 00112233445566778899001122334455 -e 11112222333344445555666677778888 -t INCR_512_FULL_LBA -n key2": builtWithout,
	"accel_crypto_keys_get":                                               builtWithout,
	"accel_crypto_keys_get -k key1":                                       builtWithout,
	"accel_crypto_key_destroy -n key1":                                    builtWithout,
	"bdev_crypto_create Malloc0 Crypto0 -n key0":                          builtWithout,
	"bdev_get_bdevs -b Crypto0":                                           builtWithout,
	"bdev_crypto_create Malloc0 Crypto1 -n zebra":                         builtWithout,
	"bdev_crypto_create zebra Crypto2 -n key2":                            builtWithout,
	"bdev_crypto_delete Crypto0":                                          builtWithout,
	"bdev_crypto_delete zebra":                                            builtWithout,
	"framework_get_config accel":                                          builtWithout,
	"bdev_set_qos_limit Malloc0 --rw-ios-per-sec 0 --rw-mbytes-per-sec 0": "SPDK was still busy with the last change",
	"bdev_set_qos_limit Malloc0 --rw-ios-per-sec 10":                      "SPDK was still busy with the last change",
}

// tolerances are fields that differ, as "method path", and why.
var tolerances = map[string]string{
	"spdk_get_version .version":       "it names both programs",
	"spdk_get_version .gospdk":        "our own version",
	"spdk_get_version .fields.commit": "the commit of SPDK's build",
	"log_get_flags .*":                "each has the components that are built",

	"framework_get_subsystems ?bdev?.depends_on":                "sock and keyring are not built",
	"framework_get_reactors .reactors?0?.in_interrupt":          "our reactors sleep when they have nothing to do",
	"thread_get_stats .threads?app_thread?.timed_pollers_count": "SPDK polls its RPC sockets",
	"thread_get_pollers .threads?app_thread?.timed_pollers":     "SPDK polls its RPC sockets",

	"bdev_get_bdevs ?0?.driver_specific.delay.*_latency":                         ticksOnly,
	"framework_get_config ?bdev_malloc_create Mdif?.params.block_size":           unloadable,
	"framework_get_config ?bdev_malloc_create Mdif?.params.md_interleave":        unloadable,
	"framework_get_config ?bdev_null_create Nullmd?.params.block_size":           unloadable,
	"bdev_get_iostat .bdevs?*?.*read*":                                           whatWasRead,
	"bdev_get_iostat .bdevs?0?.queue_depth":                                      "the first sample may not have been taken",
	"framework_get_config ?bdev_set_qos_limit Malloc0?.params.*":                 "SPDK was still busy with the last change and refused it",
	"framework_get_reactors .reactors?0?.lw_threads?app_thread?.id":              "the process has had threads before",
	"thread_get_stats .threads?app_thread?.id":                                   "the process has had threads before",
	"thread_get_pollers .threads?app_thread?.id":                                 "the process has had threads before",
	"framework_get_subsystems ?nvmf?.depends_on":                                 "sock and keyring are not built",
	"framework_get_reactors .reactors?0?.lw_threads?nvmf_tgt_poll_group_000?.id": "the process has had threads before",
	"thread_get_stats .threads?nvmf_tgt_poll_group_000?.id":                      "the process has had threads before",
	"thread_get_pollers .threads?nvmf_tgt_poll_group_000?.id":                    "the process has had threads before",
	"thread_get_io_channels .threads?nvmf_tgt_poll_group_000?.io_channels":       "SPDK's poll group is a channel, ours is made of the controllers' channels",
	"bdev_get_histogram .histogram":                                              "it depends on time",
	"bdev_get_histogram .min_range":                                              "it depends on the clock's rate",
	"bdev_get_histogram .max_range":                                              "SPDK's arithmetic overflows with fast clocks",
	"bdev_get_histogram .tsc_rate":                                               "it depends on the machine",
}
