/**
 * What a VMM's unit is given and denied. It keeps what a VMM needs: executable memory (Node and TCG translate), devices of
 * virtualization, block devices, the network, files anywhere that its user may open. It cannot gain a privilege, see the
 * sockets and saved guests of other machines, or change the host.
 */
import type { Program } from './program-starter.js';

/** Guests go down before this stops, in order; VMMs that are left are ended after it. */
const GUESTS_UNIT = 'baton-guests.service';

const LIMITS = [
  /* Descriptors of disks, ports, networks and, with vhost-user, of each queue. */
  'LimitNOFILE=65536',
  /* Guest RAM that is locked for passed-through devices. */
  'LimitMEMLOCK=infinity',
  /* A core has all of the guest's memory in it. */
  'LimitCORE=0',
  'TasksMax=16384',
  /* One thread that is killed ends its VMM, not the slice. */
  'OOMPolicy=continue',
];

const ENDS = [
  /* Asked to end as the host goes down, a VMM flushes what it has. */
  'KillMode=mixed',
  'TimeoutStopSec=10s',
  /* Killed by the daemon: meant so. */
  'SuccessExitStatus=SIGKILL',
  'Restart=no',
];

const SANDBOX = [
  'NoNewPrivileges=yes',
  'CapabilityBoundingSet=',
  'AmbientCapabilities=',
  'RestrictSUIDSGID=yes',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'LockPersonality=yes',
  'ProtectSystem=full',
  'ProtectKernelModules=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelTunables=yes',
  'ProtectControlGroups=yes',
  'ProtectClock=yes',
  'ProtectHostname=yes',
  'ProtectProc=invisible',
  'SystemCallArchitectures=native',
  'SystemCallErrorNumber=EPERM',
  'SystemCallFilter=@system-service',
  'SystemCallFilter=~@debug @keyring',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_VSOCK',
];

const DEVICES = [
  'DevicePolicy=closed',
  ...[
    '/dev/kvm rw',
    '/dev/net/tun rw',
    '/dev/vhost-net rw',
    '/dev/vhost-vsock rw',
    '/dev/ptmx rw',
    'char-pts rw',
    'char-vfio rw',
    'block-* rw',
  ].map((device) => `DeviceAllow=${device}`),
];

export interface UnitPlan extends Pick<Program, 'log' | 'folder' | 'sees'> {
  readonly hidden: readonly string[];
  /** Null: root. */
  readonly user: string | null;
  readonly group: string | null;
}

/** `NAME=value`, as in a unit file. */
export function vmmProperties({ log, folder, sees, hidden, user, group }: UnitPlan): string[] {
  return [
    ...(user === null ? [] : [`User=${user}`]),
    ...(group === null ? [] : [`Group=${group}`]),
    'UMask=0077',
    `WorkingDirectory=${folder}`,
    'StandardInput=null',
    `StandardOutput=append:${log}`,
    `StandardError=append:${log}`,
    `Before=${GUESTS_UNIT}`,
    ...hidden.map((path) => `TemporaryFileSystem=${path}:ro,mode=0755`),
    ...sees.map((path) => `BindPaths=${path}`),
    ...LIMITS,
    ...ENDS,
    ...SANDBOX,
    ...DEVICES,
  ];
}
