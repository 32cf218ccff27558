#!/usr/bin/env bash
# The file store under faults: every error at every system call of every operation (strace), and
# places that are full, read-only, immutable, without hard links, or out of handles. After each: the
# right kind of error or success, nothing left behind after one sweep, what was stored before
# unharmed, and everything works again.
#
# usage: scripts/prove-faults.sh [--short]   (short: one error for each system call)
# What this machine cannot do is said as NOT RUN. The figure, N of N, is printed last; the exit code
# tells whether it is good.
set -uo pipefail
cd "$(dirname "$0")/.."

length=whole
case ${1:-} in
'') ;;
--short) length=short ;;
*)
    sed -n '7s/^# //p' "$0" >&2
    exit 2
    ;;
esac
if [[ $(uname) != Linux ]]; then
    echo "NOT RUN: faults are made with strace and mount, on Linux"
    exit 1
fi

faults=$(./scripts/program.py example faults -- -p media-store-fs) || exit 2
work=$(mktemp -d)
loop=
good=0
all=0

cleanup() {
    chattr -R -i "$work" 2>/dev/null
    umount "$work"/*/ 2>/dev/null
    [[ -z $loop ]] || losetup -d "$loop" 2>/dev/null
    rm -rf "$work" ${memory:+"$memory"}
}
trap cleanup EXIT

# Runs one part and adds up its figure.
part() {
    local name=$1
    shift
    local output figure
    output=$("$@" 2>&1)
    figure=$(tail -n 1 <<<"$output")
    if [[ $figure =~ ^([0-9]+)\ of\ ([0-9]+)$ ]]; then
        good=$((good + BASH_REMATCH[1]))
        all=$((all + BASH_REMATCH[2]))
    else
        all=$((all + 1))
    fi
    sed '$d' <<<"$output"
    echo "$name: $figure"
}

not_run() {
    echo "NOT RUN: $1"
}

place() {
    mkdir -p "$work/$1"
    echo "$work/$1"
}

# --- errors at each system call ---
if ! command -v strace >/dev/null; then
    not_run "errors at each system call: there is no strace"
elif ! strace -o /dev/null true 2>/dev/null ||
    { [[ $EUID -ne 0 ]] && grep -qs '[1-9]' /proc/sys/kernel/yama/ptrace_scope; }; then
    not_run "errors at each system call: strace may not attach to a running process here"
else
    # No fsync is faster than in memory, and none is needed: the machine stays up.
    memory=$(mktemp -d -p /dev/shm 2>/dev/null) || memory=$(place calls)
    part "errors at each system call" "$faults" inject "$memory" "$length"
fi

# --- places that are full ---
dir=$(place full)
if mount -t tmpfs -o size=3m,mode=700 none "$dir" 2>/dev/null; then
    part "disk full" "$faults" around "$dir" full \
        "dd if=/dev/zero of=$dir/filler bs=4k 2>/dev/null; true" "rm -f $dir/filler"
else
    not_run "disk full: no tmpfs may be mounted"
fi

dir=$(place inodes)
if mount -t tmpfs -o size=8m,nr_inodes=300,mode=700 none "$dir" 2>/dev/null; then
    part "inodes full" "$faults" around "$dir" full \
        "mkdir $dir/f; i=0; while true >$dir/f/\$i; do i=\$((i+1)); done 2>/dev/null" "rm -rf $dir/f"
else
    not_run "inodes full: no tmpfs may be mounted"
fi

dir=$(place quota)
if mount -t tmpfs -o size=64m,usrquota_block_hardlimit=3m,uid=65534,mode=700 none "$dir" 2>/dev/null; then
    # The superuser has no quota.
    cp "$faults" "$work/faults" && chmod 755 "$work" "$work/faults"
    part "quota" setpriv --reuid=65534 --regid=65534 --clear-groups "$work/faults" around "$dir" full \
        "dd if=/dev/zero of=$dir/filler bs=4k 2>/dev/null; true" "rm -f $dir/filler"
else
    not_run "quota: this kernel keeps none on tmpfs; EDQUOT at each system call stands for it"
fi

dir=$(place size)
if command -v prlimit >/dev/null; then
    # Without the signal the limit is an error at the call.
    part "file size limit" bash -c "trap '' XFSZ; exec '$faults' around '$dir' too-big \
        'prlimit --pid \$PPID --fsize=2000:' 'prlimit --pid \$PPID --fsize=$(ulimit -Hf):'"
    dir=$(place handles)
    # shellcheck disable=SC2016 # The inner shell's parent is meant.
    part "no handles left" "$faults" around "$dir" handles \
        'prlimit --pid $PPID --nofile=4:' "prlimit --pid \$PPID --nofile=$(ulimit -Hn):"
else
    not_run "file size limit, no handles left: there is no prlimit"
fi

# --- places that refuse ---
dir=$(place readonly)
if mount --bind "$dir" "$dir" 2>/dev/null; then
    part "read-only" "$faults" around "$dir" denied \
        "mount -o remount,bind,ro $dir" "mount -o remount,bind,rw $dir"
else
    not_run "read-only: nothing may be mounted"
fi

dir=$(place immutable)
touch "$dir/probe"
if chattr +i "$dir/probe" 2>/dev/null; then
    chattr -i "$dir/probe"
    part "immutable directories" "$faults" around "$dir" denied \
        "find $dir/media -type d -exec chattr +i {} +" "chattr -R -i $dir/media"
else
    not_run "immutable directories: chattr has no effect"
fi

# --- no hard links ---
dir=$(place nolinks)
image="$work/nolinks.img"
truncate -s 64M "$image"
if mkfs.vfat "$image" >/dev/null 2>&1 && mount -o loop,umask=077 "$image" "$dir" 2>/dev/null; then
    part "no hard links (vfat)" "$faults" around "$dir" no-links true true
elif mkfs.exfat "$image" >/dev/null 2>&1 && loop=$(losetup -f --show "$image" 2>/dev/null) &&
    mount.exfat-fuse -o umask=077 "$loop" "$dir" >/dev/null 2>&1; then
    part "no hard links (exfat)" "$faults" around "$dir" no-links true true
else
    not_run "a file system without hard links: neither vfat nor exfat mounts here; EPERM at every link stands for it"
fi

echo "$good of $all"
[[ $good -eq $all && $all -gt 0 ]]
