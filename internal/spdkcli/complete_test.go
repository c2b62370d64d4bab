// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"os"
	"path/filepath"
	"testing"
)

func TestComplete(t *testing.T) {
	u := newFake(t).user(true)
	dir := t.TempDir()
	for _, name := range []string{"config.json", "config 2"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	u.must("cd /bdevs")
	for line, want := range map[string]string{
		"mal":                                   "malloc/",
		"malloc/":                               "malloc/Malloc0|malloc/Malloc1",
		"wait":                                  "",
		"l":                                     "ll|logical_volume/|ls",
		"/n":                                    "/nvmf/",
		"/bdevs/malloc/Malloc1":                 "/bdevs/malloc/Malloc1",
		"../lvol_stores/l":                      "../lvol_stores/lvs0|../lvol_stores/lvs1",
		"other/My":                              `other/My/Disk\ 1`,
		"/bdevs/malloc cr":                      "/bdevs/malloc create",
		"/bdevs/malloc  d":                      "/bdevs/malloc  delete|/bdevs/malloc  delete_all",
		"/bdevs/malloc delete ":                 "/bdevs/malloc delete Malloc0|/bdevs/malloc delete Malloc1",
		"/bdevs/malloc delete name=M":           "/bdevs/malloc delete name=Malloc0|/bdevs/malloc delete name=Malloc1",
		"/bdevs/malloc create 3 5 M":            "",
		"/bdevs/malloc create 3 5 m":            "/bdevs/malloc create 3 5 md_size=",
		"/bdevs/malloc create 3 5 md_size=1 n":  "/bdevs/malloc create 3 5 md_size=1 name=|/bdevs/malloc create 3 5 md_size=1 num_blocks=",
		"/bdevs/logical_volume create a 1 ":     "/bdevs/logical_volume create a 1 lvs0|/bdevs/logical_volume create a 1 lvs1",
		"/bdevs/logical_volume create a 1 s t":  "/bdevs/logical_volume create a 1 s true",
		"/bdevs/logical_volume create a 1 s th": "/bdevs/logical_volume create a 1 s thin_provision=",
		"/bdevs/logical_volume create clear_method=u":       "/bdevs/logical_volume create clear_method=unmap",
		"/lvol_stores create x Malloc":                      "/lvol_stores create x Malloc0|/lvol_stores create x Malloc1",
		"/lvol_stores create x My":                          `/lvol_stores create x My/Disk\ 1`,
		cnode1 + "/namespaces delete ":                      cnode1 + "/namespaces delete 1|" + cnode1 + "/namespaces delete 2",
		cnode1 + "/hosts delete nqn":                        cnode1 + "/hosts delete nqn.2014-08.org.spdk:cnode2",
		cnode1 + "/namespaces create Nv":                    cnode1 + "/namespaces create Nvme0n1|" + cnode1 + "/namespaces create Nvme0n1p1|" + cnode1 + "/namespaces create Nvme0n2|" + cnode1 + "/namespaces create Nvme1n1",
		`/iscsi/target_nodes create a b "Malloc0:0 Malloc1`: `/iscsi/target_nodes create a b Malloc0:0\ Malloc1`,
		"cd n":                          "cd nvme/",
		"ls malloc/M":                   "ls malloc/Malloc0|ls malloc/Malloc1",
		"help sh":                       "",
		"/ help load_c":                 "/ help load_config",
		"/ load_config " + dir + "/con": "/ load_config " + dir + "/config.json|/ load_config " + dir + `/config\ 2`,
		"/nowhere ":                     "",
		"/nowhere/x":                    "",
		"nonsense a":                    "",
		"../iscsi/target_nodes/iqn.2016-06.io.spdk:Target0/lu": "../iscsi/target_nodes/iqn.2016-06.io.spdk:Target0/luns/",
	} {
		if got := u.complete(line); got != want {
			t.Errorf("%q\ngoes on with %q\nnot %q", line, got, want)
		}
	}
	all, start := u.Complete(t.Context(), "malloc cre")
	if len(all) != 1 || start != 7 || all[0].Doc != "Is bdev_malloc_create" || all[0].Open {
		t.Errorf("%+v at %d", all, start)
	}
}
