#!/bin/sh
# mkinitramfs.sh OUT: busybox + modules + our programs
set -e
S=$(cd "$(dirname "$0")" && pwd); BLD=${BLD:?set BLD to the build folder}; K=$(cat $BLD/kver)
D=$BLD/root; rm -rf $D; mkdir -p $D/bin $D/lib $D/lab $D/proc $D/sys $D/dev
cp /bin/busybox $D/bin/; ln -s busybox $D/bin/sh
cp $S/guest/init $D/init; cp $S/guest/*.sh $S/guest/*.txt $D/lab/; chmod +x $D/init $D/lab/*.sh
cp $BLD/src/workloads/wl $D/bin/; cp $BLD/src/workloads/pressure $D/bin/
strip -g -o $D/lib/mnprobe.ko ${MOD:-$BLD/src/module/mnprobe.ko}
: > $D/lib/modules.list
depmod -b $BLD/img $K
for m in zram brd ext4 virtio_pci virtio_blk; do
	modprobe -S $K -d $BLD/img --show-depends $m | sed -n 's/^insmod //p'
done | grep -v crc32c-intel | awk '!seen[$1]++ { print $1 }' > $D/lib/files.txt
while read f; do
	n=$(basename $f); n=${n%.xz}
	case $f in *.xz) xz -dc $f > $D/lib/$n;; *) cp $f $D/lib/$n;; esac
	strip -g $D/lib/$n; echo ${n%.ko} >> $D/lib/modules.list
done < $D/lib/files.txt
rm $D/lib/files.txt
(cd $D && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0 | gzip -9n) > $1
