/** What `-help` prints: every option and property that is accepted, and nothing else. */
export const HELP = `usage: baton-vmm [options]

A virtual machine monitor for riscv64 guests, with QEMU's command line and monitor.
-option and --option are the same. Lists of properties are NAME=VALUE,...; a comma in a
value is written ,, and an option may be given as JSON instead. Sizes take k, M, G, T.

Machine
  -M, -machine [type=]virt|none[,PROPERTY=VALUE...]
                   memory-backend=ID   RAM is the -object of that id
                   aux-ram-share=on|off
                   anon-alloc=mmap|memfd   memfd: as aux-ram-share=on, and RAM without -object is shared
                   dumpdtb=FILE        write the device tree and exit
                   dtb=FILE, kernel=FILE, initrd=FILE, append=TEXT, firmware=FILE
                                       as the options of these names (firmware: -bios)
                   accel=tcg (or a list such as kvm:tcg), aia=none, aclint=off
  -machine none    no machine, only monitors: for asking what this program offers
  -cpu rv64        the CPU: RV64GC with Sv39 and Sstc
  -smp 1           one hart (also as cpus=, sockets=, dies=, clusters=, cores=, threads=, maxcpus=)
  -accel tcg[,thread=single|multi]
                   the CPU is software; multi: in a thread of its own
  -m [size=]SIZE   RAM, in MiB when there is no suffix; default 128M, at most 3584M
  -object memory-backend-memfd|memory-backend-file|memory-backend-ram,id=ID,size=SIZE
                   share=on|off        in memory other processes can be given
                   prealloc=on|off     touch all pages at start
                   mem-path=PATH       only memory-backend-file: a file, or a directory
                   align=SIZE          only memory-backend-file: the size is a multiple of it
                   reserve=on|off, merge=off, dump=on|off
                   hugetlb=off, seal=off  only memory-backend-memfd

Guest
  -bios none|default|FILE
                   default: SBI is built in, the kernel starts in S-mode; none: the kernel
                   starts in M-mode at 0x80000000; FILE: firmware, raw or ELF (OpenSBI)
  -kernel FILE     Linux Image, ELF or raw binary
  -initrd FILE     initial RAM disk
  -append TEXT     kernel command line
  -dtb FILE        device tree to use instead of the built-in one

Devices
  -device DRIVER[,id=ID][,bus=virtio-mmio-bus.0..7][,PROPERTY=VALUE...]
                   in the slot of that number, or in the highest free one
                   virtio-rng-device[,rng=ID][,max-bytes=N,period=MS]
                   virtio-blk-device,drive=ID|NODE[,serial=TEXT]
                     logical_block_size=, physical_block_size=, min_io_size=, opt_io_size=SIZE
                     write-cache=on|off|auto, config-wce=on|off
                     discard=on|off, discard_granularity=SIZE, max-discard-sectors=N,
                     report-discard-granularity=on|off
                     write-zeroes=on|off, max-write-zeroes-sectors=N
                     share-rw=on|off     others may write the image too
                     rerror=, werror=report|ignore|stop|enospc|auto
                     queue-size=N, seg-max-adjust=on|off, num-queues=1, request-merging=on|off,
                     bootindex=N
                   virtio-net-device[,netdev=ID][,mac=MAC][,host_mtu=N][,rx_queue_size=256|512|1024]
                           and on|off: csum, guest_csum, gso, guest_tso4, guest_tso6, guest_ecn, guest_ufo,
                           guest_uso4, guest_uso6, guest_announce, host_tso4, host_tso6, host_ecn, host_ufo,
                           host_uso, mrg_rxbuf, status, ctrl_vq, ctrl_rx, ctrl_rx_extra, ctrl_vlan,
                           ctrl_mac_addr, ctrl_guest_offloads
                           tx_queue_size=256, tx=bh; mq, rss, hash, guest_rsc_ext, failover=off
                   virtio-serial-device[,max_ports=N]
                   virtio-balloon-device[,deflate-on-oom=on|off][,free-page-reporting=on|off]
                                    [,page-poison=on|off]
                   vhost-user-blk,chardev=ID[,num-queues=N][,queue-size=N][,config-wce=on|off]
                                    [,discard=on|off][,write-zeroes=on|off]
                       the chardev is a socket of the process that serves the disk; RAM must be
                       shared; the connection goes with the guest in the CPR modes
  -device virtconsole|virtserialport,chardev=ID[,id=ID][,name=TEXT][,nr=N][,bus=ID.0]
                   a console, or a port to a program, of a virtio-serial-device
  -object rng-builtin,id=ID
  -object rng-random,id=ID[,filename=FILE]
  -netdev tap,id=ID,ifname=NAME[,vnet_hdr=on|off][,sndbuf=SIZE][,script=no][,downscript=no]
  -netdev tap,id=ID,fd=N[,sndbuf=SIZE]
                   an interface that is there, or a descriptor of one; no script is run
                   vhost=off, vhostforce=off, queues=1
  -netdev stream,id=ID[,server=off],addr.type=unix,addr.path=PATH[,reconnect-ms=N]
  -netdev stream,id=ID[,server=off],addr.type=fd,addr.str=N
  -netdev vhost-user,id=ID,chardev=ID
                       the chardev is a socket of the process that has the queues (passt
                       --vhost-user); RAM must be shared
                   to passt or the like, which listens there; also as JSON
                   devices and what is behind them also come and go by monitor, not while migrating:
                   device_add, netdev_add, chardev-add, blockdev-add, object-add, with the same
                   properties; the guest binds /sys/bus/platform/drivers/virtio-mmio to the slot itself
  -net none, -nic none
                   accepted: there is no network device but those of -device

Disks
  -blockdev [driver=]DRIVER,node-name=NAME[,PROPERTY=VALUE...]
                   raw,file=NODE or raw,file.driver=...,file.PROPERTY=VALUE...
                   file,filename=FILE  locking=auto|on|off, aio=threads, x-check-cache-dropped=off
                   host_device,filename=FILE  the same
                   null-co             size=BYTES, read-zeroes=on|off
                   of all: read-only=on|off, auto-read-only=on|off, cache.direct=on|off,
                   cache.no-flush=on|off, discard=ignore|unmap, detect-zeroes=off, force-share=off
  -drive file=IMAGE,format=raw[,if=none|virtio][,id=ID][,PROPERTY=VALUE...]
                   if=virtio, as without if: a virtio-blk-device comes with it
                   cache=none|writeback|writethrough|directsync|unsafe, cache.direct=on|off,
                   cache.no-flush=on|off, cache.writeback=on|off
                   readonly=on|off, read-only=on|off, auto-read-only=on|off
                   discard=ignore|off|unmap|on, detect-zeroes=off
                   rerror=report|ignore|stop, werror=report|ignore|stop|enospc
                   aio=threads, file.locking=auto|on|off, file.driver=file|host_device,
                   file.filename=IMAGE, node-name=NAME, media=disk, snapshot=off, copy-on-read=off
                   images of other formats: qemu-storage-daemon, over vhost-user-blk

Serial port and monitor
  -chardev BACKEND,id=ID[,...][,logfile=FILE[,logappend=on|off]][,mux=off]
                   null
                   stdio[,signal=on|off]
                   pty                 a terminal; its path is printed, and in query-chardev
                   file,path=FILE[,append=on|off][,input-path=FIFO]
                   socket,path=PATH,server=on[,wait=on|off]
                   socket,path=PATH[,server=off][,reconnect-ms=N]
                   a logfile keeps its newest 16 MiB; what is older becomes a hole
                   what a serial port has open goes with the guest in cpr-transfer, cpr-exec
  -serial unix:PATH[,server=on,...]|file:PATH|pty|stdio|null|none|chardev:ID
                   the UART; the same properties as the chardev's
  -qmp unix:PATH,server=on[,wait=off]|stdio|none|chardev:ID
                   a monitor is on a unix socket that it serves, or on stdio
  -qmp-pretty ...  the same, with indented output
  -monitor ...     the same for the human monitor: type help there
  -mon [chardev=]ID[,mode=readline|control][,pretty=on|off]
  -display none    there is no display
  -nographic       the serial port is on stdio unless -serial or -nodefaults is given
  -nodefaults      nothing that was not asked for: the serial port of -nographic
  -no-user-config  accepted: there are no configuration files

Migration
  -incoming defer|unix:PATH|tcp:HOST:PORT|file:PATH[,offset=N]|fd:N|exec:COMMAND
  -incoming [channel-type=]main|cpr,addr.transport=socket,addr.type=unix,addr.path=PATH
                   wait for a machine; may be given once for each channel
  -cpr-uri unix:PATH
                   the cpr channel of -incoming
  -global migration.x-events=on|off, migration.x-return-path=on|off,
                   migration.x-ignore-shared=on|off
                   also as driver=migration,property=NAME,value=on|off
                   parameter local (on both sides, with -incoming defer): -netdev's descriptors go in
                   the main channel, a unix socket, in modes normal and cpr-transfer

Process
  -add-fd fd=N,set=M[,opaque=TEXT]
                   the path /dev/fdset/M is descriptor N, which this process was started with
  -S               do not start the guest
  -name [guest=]TEXT[,debug-threads=on|off]
  -uuid UUID
  -pidfile FILE
  -daemonize       go on in the background; this process ends, with 0, when the monitors answer
  -no-reboot       exit when the guest resets
  -no-shutdown     stop, but do not exit, when the guest powers off
  -action reboot=reset|shutdown,shutdown=poweroff|pause,panic=shutdown,watchdog=reset
  -version         print the version and exit
  -h, -help        print this and exit
`;
