/**
 * What the Debian guest consists of: the packages, and what of them is left out. Everything that a package depends
 * on comes by itself; a recommendation does not. Chosen for a boot of few instructions: no D-Bus, hence no logind;
 * no apt, hence no timers; no interpreter but Perl's base.
 */

/** The first one names the release. */
export const DEBIAN_PACKAGES = [
  // What Debian calls essential, which apt takes for granted.
  ...[
    'base-files',
    'base-passwd',
    'bash',
    'bsdutils',
    'coreutils',
    'dash',
    'debianutils',
    'diffutils',
    'dpkg',
  ],
  ...[
    'findutils',
    'grep',
    'gzip',
    'hostname',
    'init-system-helpers',
    'libc-bin',
    'login',
    'mawk',
    'ncurses-base',
  ],
  ...['ncurses-bin', 'perl-base', 'sed', 'sysvinit-utils', 'tar', 'util-linux'],
  // A system that starts and can be reached.
  ...['systemd', 'systemd-sysv', 'udev', 'kmod', 'openssh-server', 'qemu-guest-agent'],
  // To look at it, and to give it work whose result can be verified.
  ...['iproute2', 'iputils-ping', 'procps', 'sqlite3'],
] as const;

/** Folders whose content is left out, like dpkg's `path-exclude`: a third of all bytes, and slow to prepare. */
export const LEFT_OUT = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/info',
  'usr/share/locale',
  'usr/share/lintian',
  'usr/share/bash-completion',
  'usr/share/zsh',
  // Names of hardware and of log messages: each is compiled into one file at configuration.
  'usr/lib/udev/hwdb.d',
  'usr/lib/systemd/catalog',
] as const;

/**
 * Kernel modules of the guest, beside what they depend on: devices of a virtual machine, and what a service, a
 * firewall or a container may ask for.
 */
export const GUEST_MODULES = [
  ...['virtio_mmio', 'virtio_pci', 'virtio_blk', 'virtio_scsi', 'virtio_net', 'virtio_console', 'virtio_rng'],
  ...['virtio_balloon', 'virtio_input', 'virtio_mem', 'virtio_pmem', 'vsock', 'vsock_diag'],
  ...['vmw_vsock_virtio_transport', 'vsock_loopback'],
  ...['sd_mod', 'sr_mod', 'loop', 'dm_mod', 'autofs4', 'configfs', 'binfmt_misc', 'crc32c_generic'],
  ...[
    'ext4',
    'overlay',
    'squashfs',
    'vfat',
    'nls_ascii',
    'nls_cp437',
    'isofs',
    'fuse',
    'virtiofs',
    '9p',
    '9pnet_virtio',
  ],
  ...[
    'tun',
    'veth',
    'bridge',
    'macvlan',
    'dummy',
    'af_packet_diag',
    'inet_diag',
    'tcp_diag',
    'unix_diag',
    'sch_fq',
  ],
  ...[
    'nf_tables',
    'nf_conntrack',
    'nf_nat',
    'nft_ct',
    'nft_nat',
    'nft_masq',
    'nft_limit',
    'nft_log',
    'nft_reject',
  ],
  ...[
    'nft_reject_inet',
    'nft_reject_ipv4',
    'nft_reject_ipv6',
    'nft_chain_nat',
    'nft_compat',
    'nf_log_syslog',
  ],
] as const;
