#!/bin/bash
# run.sh [packages|build|notifier|one NAME...|pressure|collect|all]
# Makes the records again, from Debian packages and the sources here. Everything it makes is below LAB_DIR
# (default: artefacts/real-kernel of the checkout); the sources are left as they are.
set -e
S=$(cd "$(dirname "$0")" && pwd)
R=${LAB_DIR:-$S/../../artefacts/real-kernel}
export BLD=$R/build
G=$R/golden
mkdir -p "$BLD" "$G"
packages() {
	apt-get update -q
	apt-get install -y -q --no-install-recommends qemu-system-x86 seabios busybox-static \
		cpio gcc make libc6-dev kmod xz-utils binutils
	META=${KVER:-$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: linux-image-//p' | head -1)}
	echo "$META" > "$BLD/kver"
	apt-get install -y -q --no-install-recommends "linux-headers-$META"
	mkdir -p "$BLD/debs"
	(cd "$BLD/debs" && { ls linux-image-${META}_*.deb >/dev/null 2>&1 || apt-get download "linux-image-$META"; })
	rm -rf "$BLD/img"
	dpkg -x "$BLD"/debs/linux-image-${META}_*.deb "$BLD/img"
}
build() {
	K=$(cat "$BLD/kver")
	# uncompressed kernel: booted through its PVH entry, saves the xz unpacking under TCG
	Z=$BLD/img/boot/vmlinuz-$K
	OFF=$(LC_ALL=C grep -abo -P '\xfd7zXZ\x00' "$Z" | head -1 | cut -d: -f1)
	tail -c +$((OFF + 1)) "$Z" | xz -dc --single-stream > "$BLD/vmlinux" 2>/dev/null || true
	rm -rf "$BLD/src"
	mkdir -p "$BLD/src"
	cp -r "$S/module" "$S/workloads" "$BLD/src/"
	make -C "/usr/src/linux-headers-$K" M="$(cd "$BLD/src/module" && pwd)" modules
	gcc -O1 -Wall -static -no-pie -pthread -o "$BLD/src/workloads/wl" "$BLD/src/workloads/wl.c"
	gcc -O1 -Wall -static -no-pie -o "$BLD/src/workloads/pressure" "$BLD/src/workloads/pressure.c"
	"$S/mkinitramfs.sh" "$BLD/initramfs.gz"
}
B=$S/boot.sh
# Two boots with guest time that follows the instructions, and one in real time, to see what repeats.
notifier() {
	rm -rf "$BLD"/o_*
	( "$B" "$BLD/o_ref" "lab=notifier numa=fake=2" 512M; "$B" "$BLD/o_same" "lab=notifier numa=fake=2" 512M ) &
	( "$B" "$BLD/o_mglru" "lab=notifier numa=fake=2 lab_mglru=y" 512M
	  ICOUNT= "$B" "$BLD/o_realtime" "lab=notifier numa=fake=2" 512M ) &
	"$B" "$BLD/o_movable" "lab=notifier kernelcore=300M lab_only=pin_longterm_zone,pin_fork_write,pin_pageout" 512M
	wait
}
# one NAME[,NAME...]: only these workloads, into LAB_DIR/golden/one
one() {
	rm -rf "$BLD/o_one"
	"$B" "$BLD/o_one" "lab=notifier numa=fake=2 lab_only=$1" 512M
	node "$S/tools/norm.mjs" "$G/one" "$BLD/o_one"
}
pressure() {
	rm -rf "$BLD"/p_*
	P="lab=pressure lab_probe=nlog=256"
	export LIMIT=1500
	( "$B" "$BLD/p_extra" "$P lab_jobs=jobs-extra lab_fa=4096" 512M
	  ICOUNT= "$B" "$BLD/p_extra_realtime" "$P lab_jobs=jobs-extra lab_fa=4096" 512M ) &
	( "$B" "$BLD/p_memcg" "$P lab_jobs=jobs-memcg" 512M; "$B" "$BLD/p_global" "$P lab_jobs=jobs-global" 192M ) &
	( ICOUNT= "$B" "$BLD/p_memcg_realtime" "$P lab_jobs=jobs-memcg" 512M
	  ICOUNT= "$B" "$BLD/p_global_realtime" "$P lab_jobs=jobs-global" 192M ) &
	wait
}
collect() {
	rm -rf "$G"/notifier* "$G/pressure"
	mkdir -p "$G/notifier" "$G/notifier-mglru" "$G/notifier-movable" "$G/pressure"
	node "$S/tools/norm.mjs" "$G/notifier" "$BLD/o_ref" "$BLD/o_same" "$BLD/o_realtime"
	node "$S/tools/norm.mjs" "$G/notifier-mglru" "$BLD/o_mglru"
	node "$S/tools/norm.mjs" "$G/notifier-movable" "$BLD/o_movable"
	rm -rf "$G"/notifier*/raw
	cp "$BLD"/o_ref/{uname,cmdline}.txt "$G/notifier/"
	node "$S/tools/diffmglru.mjs" "$G/notifier" "$G/notifier-mglru" > "$G/notifier-mglru/differs-from-classic.txt"
	for set in memcg global extra; do
		[ -d "$BLD/p_$set" ] || continue
		node "$S/tools/pressure.mjs" "$G/pressure" "$BLD/p_$set" "$BLD/p_${set}_realtime" $set
	done
}
[ $# -gt 0 ] || set -- all
while [ $# -gt 0 ]; do
	case $1 in
	all) packages; build; notifier; pressure; collect;;
	one) shift; one "$1";;
	packages|build|notifier|pressure|collect) "$1";;
	*) sed -n 's/^# //p' "$0" | head -3; exit 2;;
	esac
	shift
done
