#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Makes the blobstore images of this folder with the C SPDK.
#   SPDK=<a built SPDK tree> ./make.sh [clean unclean fresh grown blobcli rle midsnap middelete]
# Needs: python3 with what rpc.py wants, 2200 MiB of free memory, DPDK's libraries
# in LD_LIBRARY_PATH if it was built shared.
# blobcli (which also makes the dumps) wants 600 hugepages of 2 MiB and a hugetlbfs mount.
# RLE=<program built from rle.c against that tree> (default: rle in $WORK).
set -euo pipefail
: "${SPDK:?path of a built SPDK tree}"
HERE=$(cd "$(dirname "$0")" && pwd)
WORK=${WORK:-$HERE/work}
mkdir -p "$WORK"; cd "$WORK"
APP="-m 0x1 --disable-cpumask-locks -s 1024 --no-huge"
ESNAP_UUID=e5a9e5a9-0000-4000-8000-00000000ba5e
TGT=; LOG=/dev/null; IMG=; ESNAP=
trap '[ -z "$TGT" ] || kill -KILL $(pid_of_tgt)' EXIT
say() { echo "$*" >> "$LOG"; }

# ---- the target
wait_sock() { for _ in $(seq 100); do "$SPDK"/scripts/rpc.py -s "$1" -t 5 rpc_get_methods >/dev/null 2>&1 && return; sleep 0.1; done; echo "no target"; exit 1; }
tgt() { # start it with the image (and the external snapshot's base first)
	[ -n "$TGT" ] && return
	rm -f t.sock
	timeout 300 "$SPDK"/build/bin/spdk_tgt $APP -r t.sock > tgt.log 2>&1 & TGT=$!
	wait_sock t.sock
	say "spdk_tgt $APP &"
	[ -n "$ESNAP" ] && r bdev_aio_create --fallocate -u $ESNAP_UUID esnap-base.img esnap-base 512 >/dev/null
	r bdev_aio_create --fallocate $IMG aio0 512 >/dev/null
	"$SPDK"/scripts/rpc.py -s t.sock bdev_wait_for_examine
}
r() { say "rpc.py $*"; timeout 60 "$SPDK"/scripts/rpc.py -s t.sock "$@" || { say "  # fails"; return 1; }; }
fails() { # a call that C must refuse; keep what it said
	local o; if o=$(timeout 60 "$SPDK"/scripts/rpc.py -s t.sock "$@" 2>&1); then say "rpc.py $*   # succeeded"; else
	say "rpc.py $*   # refused: $(echo "$o" | tr -d '\n' | sed 's/.*"code": *\([-0-9]*\), *"message": *"\([^"]*\)".*/\1 \2/')"; fi; }
pid_of_tgt() { pgrep -P $TGT || echo $TGT; }
stop() { [ -z "$TGT" ] && return; say "kill -TERM \$(pidof spdk_tgt); wait"; kill -TERM $(pid_of_tgt); wait $TGT || true; TGT=; }
kill9() { say "kill -KILL \$(pidof spdk_tgt)"; kill -KILL $(pid_of_tgt); wait $TGT 2>/dev/null || true; TGT=; }

# ---- spdk_dd on the image itself, the target being stopped
conf() { # conf IMAGE
	local e=; [ -n "$ESNAP" ] && e='{"method":"bdev_aio_create","params":{"name":"esnap-base","filename":"esnap-base.img","block_size":512,"fallocate":true,"uuid":"'$ESNAP_UUID'"}},'
	echo '{"subsystems":[{"subsystem":"bdev","config":['"$e"'{"method":"bdev_aio_create","params":{"name":"aio0","filename":"'$1'","block_size":512,"fallocate":true}},{"method":"bdev_wait_for_examine"}]}]}'
}
w() { # w VOLUME TEXT FIRST COUNT: write offline
	stop; conf $IMG > dd.json
	python3 "$HERE"/content.py gen "$2" $3 $4 > in.bin
	say "content.py gen '$2' $3 $4 > in.bin; spdk_dd $APP --json dd.json --if in.bin --ob lvs/$1 --bs 512 --seek $3"
	timeout 60 "$SPDK"/build/bin/spdk_dd $APP --json dd.json --if in.bin --ob lvs/$1 --bs 512 --seek $3 > dd.log 2>&1 || { cat dd.log; exit 1; }
}
rd() { timeout 60 "$SPDK"/build/bin/spdk_dd $APP --json dd-read.json --ib "$1" --of "$2" --bs 16384 > dd.log 2>&1 || { cat dd.log; exit 1; }; }

# ---- writes into a running target, over NVMe/TCP
NS=0
export_lvols() { # export_lvols VOLUME...: namespaces 1.. in order
	r nvmf_create_transport -t TCP; r nvmf_create_subsystem nqn.2016-06.io.spdk:t -a
	for v in "$@"; do r nvmf_subsystem_add_ns nqn.2016-06.io.spdk:t lvs/$v >/dev/null; done
	r nvmf_subsystem_add_listener -t tcp -a 127.0.0.1 -s 4420 nqn.2016-06.io.spdk:t
}
lw() { # lw NSID TEXT FIRST COUNT: write live
	echo '{"subsystems":[{"subsystem":"bdev","config":[{"method":"bdev_nvme_attach_controller","params":{"name":"n","trtype":"tcp","adrfam":"ipv4","traddr":"127.0.0.1","trsvcid":"4420","subnqn":"nqn.2016-06.io.spdk:t"}},{"method":"bdev_wait_for_examine"}]}]}' > dd-tcp.json
	python3 "$HERE"/content.py gen "$2" $3 $4 > in.bin
	say "content.py gen '$2' $3 $4 > in.bin; spdk_dd $APP --json dd-tcp.json --if in.bin --ob nn$1 --bs 512 --seek $3"
	timeout 60 "$SPDK"/build/bin/spdk_dd $APP --json dd-tcp.json --if in.bin --ob nn$1 --bs 512 --seek $3 > dd.log 2>&1 || { cat dd.log; exit 1; }
}

# ---- start and end of an image
begin() { # begin NAME SIZE
	IMG=$1.img; LOG=$WORK/$1.commands; rm -f $IMG info-*.json; : > "$LOG"; TGT=
	truncate -s $2 $IMG; say "truncate -s $2 $IMG"
}
base() { # the external snapshot's base
	ESNAP=1; rm -f esnap-base.img
	{ python3 "$HERE"/content.py gen "esnap-base g1" 0 512; head -c $((512*1536)) /dev/zero; } > esnap-base.img
	say "{ content.py gen 'esnap-base g1' 0 512; head -c $((512*1536)) /dev/zero; } > esnap-base.img"
}
info() { # info KEY: what C says now
	{ echo "{\"$1\":{"; local c= m; for m in bdev_lvol_get_lvstores bdev_lvol_get_lvols bdev_get_bdevs; do
		echo "$c\"$m\":"; "$SPDK"/scripts/rpc.py -s t.sock $m; c=,; done; echo "}}"; } > info-$1.json
}
finish() { # target is down: read back from a copy, write the manifest, verify, pack
	local keep=$LOG img=$IMG; LOG=/dev/null
	rm -rf vols; mkdir vols; gzip -9nc $img > "$HERE"/$img.gz; gunzip -c "$HERE"/$img.gz > copy.img
	cmp $img copy.img; IMG=$img; dump copy.img; cmp $img copy.img
	IMG=copy.img; tgt; info reloaded; stop
	conf copy.img > dd-read.json
	local v; for v in $(python3 -c 'import json;[print(a) for b in json.load(open("info-reloaded.json"))["reloaded"]["bdev_get_bdevs"] if b["product_name"]=="Logical Volume" for a in b["aliases"]]'); do
		rd $v vols/${v#*/}.bin; done
	python3 "$HERE"/content.py manifest $img vols info-*.json > "$HERE"/$img.json
	rm -rf vols copy.img; LOG=$keep; IMG=$img
	echo "$img: $(stat -c %s "$HERE"/$img.gz) bytes packed"
}

# ---- the images
store() { # the volumes that clean and unclean have
	tgt; r bdev_lvol_create_lvstore -c 16384 aio0 lvs
	r bdev_lvol_create -l lvs thick 1; r bdev_lvol_create -l lvs -t thin 1; r bdev_lvol_create -l lvs -t origin 1
	r bdev_lvol_create -l lvs -t chain 1
	w thick "thick g1" 0 $1
	w thin "thin g1" 0 200; w thin "thin g1" 512 100; w thin "thin g1" 2040 8; w thin "thin g2" 150 30
	w origin "origin g1" 0 256; w origin "origin g1" 640 64
	w chain "chain g1" 0 320
	tgt
	r bdev_lvol_snapshot lvs/origin thin-snap; r bdev_lvol_clone lvs/thin-snap clone
	r bdev_lvol_snapshot lvs/chain chain-snap1
	w clone "clone g2" 100 20; w clone "clone g2" 1000 10; w origin "origin g3" 0 8
	w chain "chain g2" 64 96
	tgt; r bdev_lvol_snapshot lvs/chain chain-snap2
	w chain "chain g3" 100 8; w chain "chain g3" 900 40
}
do_clean() {
	begin spdk-clean 24M; base; store 2048
	tgt
	for v in dec infl ro oldname deleted merged; do r bdev_lvol_create -l lvs -t $v 1; done
	r bdev_lvol_create -l lvs -t wide 24; r bdev_lvol_create -l lvs -t resized 1; r bdev_lvol_create -l lvs shrunk 2
	w dec "dec g1" 0 128; w infl "infl g1" 0 96; w ro "ro g1" 0 64; w oldname "oldname g1" 10 40
	w deleted "deleted g1" 0 256; w merged "merged g1" 0 64
	w wide "wide g1" 0 4; w wide "wide g1" 16380 8; w wide "wide g1" 32768 3; w wide "wide g1" 49151 1
	w shrunk "shrunk g1" 0 16; w shrunk "shrunk g1" 2040 16
	tgt
	r bdev_lvol_snapshot lvs/dec dec-snap1; r bdev_lvol_snapshot lvs/infl infl-snap; r bdev_lvol_snapshot lvs/merged merged-snap
	w dec "dec g2" 32 48; w infl "infl g2" 2000 48; w merged "merged g2" 40 60
	tgt; r bdev_lvol_snapshot lvs/dec dec-snap2
	w dec "dec g3" 400 8
	tgt
	r bdev_lvol_decouple_parent lvs/dec; r bdev_lvol_inflate lvs/infl; r bdev_lvol_set_read_only lvs/ro
	r bdev_lvol_rename lvs/oldname newname
	r bdev_lvol_clone_bdev esnap-base lvs esnap; r bdev_lvol_clone_bdev $ESNAP_UUID lvs esnap2
	r bdev_lvol_resize lvs/resized 2; r bdev_lvol_resize lvs/shrunk 1
	w newname "newname g2" 100 10; w resized "resized g1" 4090 6
	w esnap "esnap g2" 40 10; w esnap "esnap g2" 1500 4; w esnap2 "esnap2 g1" 8 4
	tgt; r bdev_lvol_snapshot lvs/esnap2 esnap2-snap; w esnap2 "esnap2 g2" 300 8
	tgt; r bdev_lvol_delete lvs/merged-snap; r bdev_lvol_delete lvs/deleted
	r bdev_lvol_create -l lvs -t after 1; w after "after g1" 0 40
	tgt
	fails bdev_lvol_delete lvs/none; fails bdev_lvol_create -l lvs thick 1
	fails bdev_lvol_create -l lvs toobig 64; fails bdev_lvol_resize lvs/ro 2; fails bdev_lvol_snapshot lvs/ro ro-snap
	fails bdev_lvol_clone lvs/thin thin-clone; fails bdev_lvol_rename lvs/thin thick; fails bdev_lvol_decouple_parent lvs/thin
	fails bdev_lvol_snapshot lvs/chain-snap1 snap-of-snap
	fails bdev_lvol_create_lvstore -c 16384 aio0 lvs; fails bdev_lvol_delete lvs/thin-snap
	fails bdev_lvol_set_read_only lvs/ro; fails bdev_lvol_inflate lvs/infl; fails bdev_lvol_grow_lvstore -l lvs
	info live; stop; finish
	gzip -9nc esnap-base.img > "$HERE"/esnap-base.img.gz; ESNAP=
}
do_unclean() { # unloaded once, loaded again, changed, killed: the masks on disk are old
	begin spdk-unclean 16M; base; store 256
	tgt; r bdev_lvol_create -l lvs -t del 1; r bdev_lvol_clone_bdev esnap-base lvs esnap; r bdev_lvol_create -l lvs -t merged 1
	w del "del g1" 0 200; w merged "merged g1" 0 64; tgt; r bdev_lvol_snapshot lvs/merged merged-snap; w merged "merged g2" 40 60
	tgt; export_lvols thin origin chain esnap thick
	lw 1 "thin g4" 1000 40; lw 1 "thin g4" 20 8
	r bdev_lvol_snapshot lvs/thin late-snap
	lw 1 "thin g5" 1010 4; lw 1 "thin g5" 1800 33
	r bdev_lvol_delete lvs/del; r bdev_lvol_delete lvs/merged-snap
	lw 2 "origin g4" 300 70; lw 3 "chain g4" 1500 64; lw 4 "esnap g4" 200 100; lw 5 "thick g4" 100 10
	r bdev_lvol_create -l lvs -t late 1; r nvmf_subsystem_add_ns nqn.2016-06.io.spdk:t lvs/late
	lw 6 "late g1" 0 90
	info live; kill9; finish; ESNAP=
}
do_fresh() { # never unloaded: no masks on disk at all but those of its creation
	begin spdk-unclean-fresh 8M
	tgt; r bdev_lvol_create_lvstore -c 65536 aio0 lvs; r bdev_lvol_create -l lvs thick 1; r bdev_lvol_create -l lvs -t thin 1
	r bdev_lvol_create -l lvs -t del 1
	export_lvols thick thin
	lw 1 "thick g1" 0 300; lw 2 "thin g1" 100 60
	r bdev_lvol_snapshot lvs/thin snap; lw 2 "thin g2" 130 4; r bdev_lvol_delete lvs/del
	info live; kill9; finish
}
do_grown() {
	begin spdk-grown 4M
	tgt; r bdev_lvol_create_lvstore -c 16384 aio0 lvs; r bdev_lvol_create -l lvs -t a 1; w a "a g1" 0 100
	tgt; info before_grow; fails bdev_lvol_create -l lvs b 4
	truncate -s 10M $IMG; say "truncate -s 10M $IMG"
	r bdev_aio_rescan aio0; fails bdev_lvol_create -l lvs b 4
	r bdev_lvol_grow_lvstore -l lvs; r bdev_lvol_create -l lvs b 4
	w b "b g1" 0 40; w b "b g1" 8100 92; tgt; info live; stop
	finish
}
bconf() { echo '{"subsystems":[{"subsystem":"bdev","config":[{"method":"bdev_aio_create","params":{"name":"aio0","filename":"'$1'","block_size":512,"fallocate":true}},{"method":"bdev_wait_for_examine"}]}]}'; }
blobcli() { timeout 60 "$SPDK"/build/examples/blobcli -j b.json -b aio0 "$@" < /dev/null; }
dump() { bconf $1 > b.json; blobcli -D 2>/dev/null | sed -n '/^Signature/,$p' | gzip -9n > "$HERE"/$IMG.dump.txt.gz; }
blobs() { # blobs NAME=ID...: read back with blobcli from a copy, manifest
	rm -rf vols; mkdir vols; gzip -9nc $IMG > "$HERE"/$IMG.gz; gunzip -c "$HERE"/$IMG.gz > copy.img
	dump copy.img; cmp $IMG copy.img
	blobcli -s bs 2>/dev/null | sed -n '/^Blobstore Public/,$p' > bs.txt
	{ echo '{"blobs":{'; local c=; for b in "$@"; do echo "$c\"${b%=*}\":\"${b#*=}\""; c=,; done; echo '},"blobcli_show_bs":'; python3 -c 'import json;print(json.dumps(open("bs.txt").read().splitlines()))'; echo '}'; } > info-blobs.json
	for b in "$@"; do blobcli -d ${b#*=} vols/${b%=*}.bin > /dev/null 2>&1; done
	python3 "$HERE"/content.py manifest $IMG vols info-*.json > "$HERE"/$IMG.json; rm -rf vols copy.img
	echo "$IMG: $(stat -c %s "$HERE"/$IMG.gz) bytes packed"
}
do_blobcli() {
	begin spdk-blobcli 16M; bconf $IMG > b.json
	python3 "$HERE"/content.py gen "cli0 g1" 0 300 > cli0.bin; python3 "$HERE"/content.py gen "cli1 g1" 0 2500 > cli1.bin
	python3 "$HERE"/content.py gen "cli2 g1" 0 1 > cli2.bin
	say "content.py gen 'cli0 g1' 0 300 > cli0.bin; content.py gen 'cli1 g1' 0 2500 > cli1.bin; content.py gen 'cli2 g1' 0 1 > cli2.bin"
	printf '%s\n' '-i' '-n 1' '-n 2' '-n 1' '-n 3' '-x $B0 name cli0' '-x $B0 colour blue' '-x $B0 gone soon' '-x $B1 name cli1' '-x $B2 name cli2' \
		'-m $B0 cli0.bin' '-m $B1 cli1.bin' '-m $B2 cli2.bin' '-r $B0 gone' '-w $B3' '-p $B0' '-s bs' > script.txt
	say "blobcli -j b.json -b aio0 -T script.txt   # b.json: bdev_aio_create of $IMG; script.txt:"; sed 's/^/    /' script.txt >> "$LOG"
	blobcli -T script.txt > script.log 2>&1
	set -- $(sed -n 's/^New blob id //p' script.log); blobs cli0=$1 cli1=$2 cli2=$3
}
do_rle() {
	local m n; for m in clean kill; do n=spdk-rle; [ $m = kill ] && n=spdk-rle-unclean
	begin $n 16M; bconf $IMG > b.json; say "rle b.json $m   # rle.c of this folder; b.json: bdev_aio_create of $IMG"
	timeout 60 ${RLE:-./rle} b.json $m > rle.log 2>&1 || true
	blobs $(sed -n 's/^\([a-z-]*\) \(0x[0-9a-f]*\)$/\1=\2/p' rle.log | grep -v rle-del); done
}
# ---- killed in the midst of a snapshot, or of a snapshot's deletion
slow_tgt() { # the store behind a bdev_delay
	rm -f t.sock; timeout 300 "$SPDK"/build/bin/spdk_tgt $APP -r t.sock --wait-for-rpc > tgt.log 2>&1 & TGT=$!
	wait_sock t.sock; say "spdk_tgt $APP --wait-for-rpc &"
	r bdev_set_options --no-auto-examine; r framework_start_init
	r bdev_aio_create --fallocate $IMG aio0 512 >/dev/null
	r bdev_delay_create -b aio0 -d delay0 -r 0 -t 0 -w 0 -n 0 >/dev/null; r bdev_examine -b delay0; "$SPDK"/scripts/rpc.py -s t.sock bdev_wait_for_examine
	r bdev_delay_update_latency delay0 avg_write 400000; r bdev_delay_update_latency delay0 p99_write 400000
}
mid() { # mid NAME RPC...: kill after each delayed write in turn; keep the different states
	local name=$1 k=0 i t seen=; shift; cp $IMG before.img; cp "$LOG" before.commands
	for i in $(seq 0 ${MIDMAX:-16}); do
		cp before.img $name-$k.img; IMG=$name-$k.img; LOG=$WORK/$name-$k.commands; cp before.commands "$LOG"; say "cp before.img $IMG"
		slow_tgt; info live; t=$(python3 -c "print(round(0.35+0.4*$i,2))")
		say "rpc.py $* & sleep $t"
		timeout 60 "$SPDK"/scripts/rpc.py -s t.sock "$@" > rpc.log 2>&1 & local rp=$!
		sleep $t; kill9; wait $rp 2>/dev/null && break # the call ended before the kill
		local h; h=$(sha256sum < $IMG); case "$seen" in *"$h"*) continue;; esac; seen="$seen $h"
		finish; k=$((k+1))
	done
	rm -f $name-$k.img $name-$k.commands
}
do_midsnap() {
	begin spdk-mid 4M; tgt; r bdev_lvol_create_lvstore -c 16384 aio0 lvs; r bdev_lvol_create -l lvs -t thin 1
	w thin "thin g1" 10 60; say "cp $IMG before.img"; mid spdk-midsnap bdev_lvol_snapshot lvs/thin snap
}
do_middelete() {
	begin spdk-mid 4M; tgt; r bdev_lvol_create_lvstore -c 16384 aio0 lvs; r bdev_lvol_create -l lvs -t thin 1
	w thin "thin g1" 10 60; tgt; r bdev_lvol_snapshot lvs/thin snap; w thin "thin g2" 40 60
	say "cp $IMG before.img"; mid spdk-middelete bdev_lvol_delete lvs/snap
}
for i in ${*:-clean unclean fresh grown blobcli rle midsnap middelete}; do do_$i; done
