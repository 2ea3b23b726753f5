/**
 * How the Debian guest differs from its packages' defaults: files beside theirs, never instead of theirs. What a
 * virtual machine has no use for, or what would fail without D-Bus, is masked; each unit that starts costs an
 * interpreted processor tens of millions of instructions.
 */

export const HOST_NAME = 'baton-debian';
export const RUNNING_LINE = 'baton-debian: running';

export type Setting =
  | { readonly path: string; readonly text: string; readonly mode?: number }
  | { readonly path: string; readonly link: string };

/** Units that are looked for, started or waited for at each boot of a Debian, and of no use here. */
const MASKED_UNITS = [
  // Needs D-Bus.
  'systemd-logind.service',
  // There is no keyboard and no screen: the console is the serial one.
  ...['getty@tty1.service', 'getty-static.service', 'systemd-ask-password-console.path'],
  'systemd-ask-password-wall.path',
  // Everything is up to date: the image was configured when it was built.
  ...[
    'ldconfig.service',
    'systemd-sysusers.service',
    'systemd-hwdb-update.service',
    'systemd-firstboot.service',
  ],
  ...['systemd-journal-catalog-update.service', 'systemd-update-done.service'],
  // The journal stays in memory.
  'systemd-journal-flush.service',
  // No firmware, no TPM, no crash store, no hibernation.
  ...['systemd-pstore.service', 'systemd-pcrmachine.service', 'systemd-pcrphase.service'],
  ...['systemd-pcrphase-sysinit.service', 'systemd-tpm2-setup.service', 'systemd-tpm2-setup-early.service'],
  ...['systemd-pcrextend.socket', 'systemd-pcrlock.socket', 'systemd-hibernate-clear.service'],
  ...['systemd-creds.socket', 'systemd-sysext.socket', 'systemd-hostnamed.socket', 'systemd-initctl.socket'],
  // The root is mounted as it is wanted.
  'systemd-remount-fs.service',
  // Nothing is set there; without them /tmp and /run/lock are folders like others.
  ...['systemd-modules-load.service', 'systemd-sysctl.service', 'systemd-udev-load-credentials.service'],
  ...['systemd-networkd-persistent-storage.service', 'tmp.mount', 'run-lock.mount'],
  // The kernel has random numbers from the device tree and from virtio-rng.
  'systemd-random-seed.service',
  // Nodes of modules that are not loaded yet; loading one makes its own.
  ...['kmod-static-nodes.service', 'systemd-tmpfiles-setup-dev-early.service'],
  'systemd-tmpfiles-setup-dev.service',
  // Mounted by who needs them.
  ...['dev-hugepages.mount', 'dev-mqueue.mount', 'sys-fs-fuse-connections.mount', 'sys-kernel-config.mount'],
  ...['sys-kernel-debug.mount', 'sys-kernel-tracing.mount', 'proc-sys-fs-binfmt_misc.automount'],
  ...['systemd-binfmt.service', 'remote-fs.target'],
  // Periodical work would disturb whoever measures.
  ...['systemd-tmpfiles-clean.timer', 'fstrim.timer', 'dpkg-db-backup.timer'],
];

/** Programs that systemd runs before anything else. Left are those for fstab and for the console. */
const MASKED_GENERATORS = ['debug', 'gpt-auto', 'hibernate-resume', 'rc-local', 'run', 'ssh', 'system-update']
  .concat(['sysv', 'tpm2'])
  .map((name) => `systemd-${name}-generator`);

const dropIn = (unit: string, lines: readonly string[]): Setting => {
  return { path: `etc/systemd/system/${unit}.d/baton.conf`, text: `${lines.join('\n')}\n` };
};

export interface GuestKeys {
  /** The host key, as sshd reads it, and the public key of who may log in as root. */
  readonly hostPrivateKey: string;
  readonly authorizedKey: string;
}

export function guestSettings({ hostPrivateKey, authorizedKey }: GuestKeys): Setting[] {
  const masked = (path: string): Setting => ({ path, link: '/dev/null' });
  return [
    ...MASKED_UNITS.map((name) => masked(`etc/systemd/system/${name}`)),
    ...MASKED_GENERATORS.map((name) => masked(`etc/systemd/system-generators/${name}`)),
    { path: 'etc/hostname', text: `${HOST_NAME}\n` },
    { path: 'etc/hosts', text: `127.0.0.1 localhost\n127.0.1.1 ${HOST_NAME}\n::1 localhost\n` },
    { path: 'etc/systemd/system/default.target', link: '/usr/lib/systemd/system/multi-user.target' },
    // The name server of QEMU's user network; networkd without resolved does not write this.
    { path: 'etc/resolv.conf', text: 'nameserver 10.0.2.3\n' },
    ...networkSettings(),
    ...sshSettings(hostPrivateKey, authorizedKey),
    {
      path: 'etc/systemd/journald.conf.d/baton.conf',
      text: '[Journal]\nStorage=volatile\nRuntimeMaxUse=8M\nReadKMsg=no\nAudit=no\nForwardToWall=no\n',
    },
    {
      path: 'etc/systemd/system.conf.d/baton.conf',
      text: '[Manager]\nDefaultTimeoutStopSec=20s\nDefaultTimeoutStartSec=300s\nDefaultDeviceTimeoutSec=300s\n',
    },
    dropIn('serial-getty@.service', [
      // A size, lest it be asked of a terminal that may not be there.
      ...['[Service]', 'Type=simple', 'TTYRows=24', 'TTYColumns=80', 'Environment=TERM=vt220', 'ExecStart='],
      'ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200,57600,38400,9600 - $TERM',
    ]),
    // The configuration was checked when the image was built.
    dropIn('ssh.service', ['[Service]', 'ExecStartPre=']),
    dropIn('systemd-network-generator.service', ['[Unit]', 'ConditionKernelCommandLine=ip']),
    coldplug(),
    ...runningNotice(),
  ];
}

/** Of the 168 devices of a virtual machine, those that a rule, a module or a unit waits for. */
function coldplug(): Setting {
  const some = ['block', 'net', 'virtio', 'virtio-ports', 'pci', 'rtc', 'misc'];
  const trigger = 'ExecStart=-udevadm trigger --type=all --action=add';
  return dropIn('systemd-udev-trigger.service', [
    ...['[Service]', 'ExecStart=', `${trigger} ${some.map((name) => `--subsystem-match=${name}`).join(' ')}`],
    `${trigger} --subsystem-match=tty --sysname-match=ttyS0`,
  ]);
}

/** Any network card is `ethN` and asks for an address; `ip=` on the kernel's command line is for one without DHCP. */
function networkSettings(): Setting[] {
  const network = [
    ...[
      '[Match]',
      'Type=ether',
      '',
      '[Network]',
      'DHCP=yes',
      'IPv6AcceptRA=yes',
      'LLMNR=no',
      'MulticastDNS=no',
    ],
    ...['', '[DHCPv4]', 'ClientIdentifier=mac', 'SendRelease=no', ''],
  ];
  return [
    { path: 'etc/systemd/network/80-baton.network', text: network.join('\n') },
    { path: 'etc/systemd/network/99-default.link', link: '/dev/null' },
  ];
}

function sshSettings(hostPrivateKey: string, authorizedKey: string): Setting[] {
  const configuration = [
    ...['HostKey /etc/ssh/ssh_host_ed25519_key', 'PermitRootLogin prohibit-password'],
    ...['PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'UsePAM no', 'UseDNS no'],
    // Whoever tests connects often, and before the guest is ready.
    ...['PerSourcePenalties no', 'MaxStartups 100', ''],
  ];
  return [
    { path: 'etc/ssh/sshd_config.d/baton.conf', text: configuration.join('\n') },
    { path: 'etc/ssh/ssh_host_ed25519_key', text: hostPrivateKey, mode: 0o600 },
    { path: 'root/.ssh/authorized_keys', text: `${authorizedKey}\n`, mode: 0o600 },
  ];
}

/** Says on the console how the boot ended. It does not hold the boot up: it has started once it runs. */
function runningNotice(): Setting[] {
  const unit = [
    ...['[Unit]', 'Description=Say on the console how the boot ended', ''],
    ...['[Service]', 'Type=simple'],
    `ExecStart=/bin/sh -c 'echo "${HOST_NAME}: $(systemctl is-system-running --wait)" > /dev/console'`,
    '',
  ];
  const name = 'baton-running.service';
  return [
    { path: `etc/systemd/system/${name}`, text: unit.join('\n') },
    { path: `etc/systemd/system/multi-user.target.wants/${name}`, link: `../${name}` },
  ];
}
