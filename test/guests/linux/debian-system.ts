/**
 * Debian for riscv64 with systemd, sshd and the guest agent, as `npm run fetch` makes it: a disk of a test's own, the
 * command line that runs it on any VMM that has QEMU's, and a way in.
 */
import { join } from 'node:path';
import { execa } from 'execa';
import { type DebianFiles, findInCache } from '../../fetch/cache.js';
import { debianCommandLine } from '../../fetch/debian/command-line.js';
import { HOST_NAME } from '../../fetch/debian/settings.js';

export { RUNNING_LINE } from '../../fetch/debian/settings.js';

const COPY_DEADLINE_MS = 60_000;
const SSH_DEADLINE_MS = 60_000;
const SSH_CONNECT_S = 20;
/** systemd's boot with all of the image's services takes half of it. */
const MEMORY_MIB = 256;

function files(): DebianFiles {
  const found = findInCache().debian();
  if ('missing' in found) throw new Error(found.missing);
  return found;
}

/** What keeps the guest from being run here; null when nothing does. */
export async function debianSystemMissing(): Promise<string | null> {
  const found: object = findInCache().debian();
  if ('missing' in found) return String(found.missing);
  const { failed, code, stderr } = await execa('ssh', ['-V'], { reject: false, timeout: SSH_DEADLINE_MS });
  if (code === 'ENOENT') return 'there is no ssh (Debian: openssh-client)';
  return failed ? `ssh cannot be used here: ${stderr}` : null;
}

/** A copy of the disk: the image in the cache is everybody's, and whoever boots it writes to it. */
export async function copyDebianDisk(directory: string): Promise<string> {
  const path = join(directory, 'debian.img');
  const how = ['--sparse=always', '--reflink=auto'];
  await execa('cp', [...how, files().image, path], { timeout: COPY_DEADLINE_MS });
  return path;
}

/** What runs it, as a machine's document names it. */
export function debianSystemBoot() {
  const { kernel, initrd } = files();
  return { memoryMiB: MEMORY_MIB, kernel, initrd, commandLine: debianCommandLine() };
}

export interface DebianSystemOptions {
  readonly disk: string;
  /** Where a network process such as passt listens; the guest asks it for an address. */
  readonly networkSocket: string;
  /** Where the guest agent is to be reached. */
  readonly agentSocket: string;
  /** A file for what the guest prints, or a socket for both ways. */
  readonly console: string | { readonly socket: string };
  /** Its memory can go to another process. */
  readonly isMovable?: boolean;
}

/** For qemu-system-riscv64 and baton-vmm alike. */
export function debianSystemArguments(options: DebianSystemOptions): string[] {
  const { kernel, initrd } = files();
  const { console, isMovable = false } = options;
  const memory = `memory-backend-memfd,id=ram0,size=${MEMORY_MIB}M,share=on`;
  return [
    ...['-m', `${MEMORY_MIB}M`, '-nodefaults', '-no-user-config', '-display', 'none'],
    ...(isMovable ? ['-object', memory] : []),
    ...['-machine', isMovable ? 'virt,memory-backend=ram0,aux-ram-share=on' : 'virt'],
    ...['-global', 'virtio-mmio.force-legacy=false'],
    ...['-kernel', kernel, '-initrd', initrd, '-append', debianCommandLine()],
    ...(typeof console === 'string'
      ? ['-serial', `file:${console}`]
      : ['-serial', 'chardev:c0', '-chardev', `socket,id=c0,path=${console.socket},server=on,wait=off`]),
    ...['-drive', `if=none,id=d0,file=${options.disk},format=raw`, '-device', 'virtio-blk-device,drive=d0'],
    ...['-netdev', `stream,id=n0,server=off,addr.type=unix,addr.path=${options.networkSocket}`],
    ...['-device', 'virtio-net-device,netdev=n0'],
    ...['-object', 'rng-random,id=r0,filename=/dev/urandom', '-device', 'virtio-rng-device,rng=r0'],
    ...['-chardev', `socket,id=a0,path=${options.agentSocket},server=on,wait=off`],
    ...['-device', 'virtio-serial-device'],
    ...['-device', 'virtserialport,chardev=a0,name=org.qemu.guest_agent.0'],
  ];
}

/** How ssh comes to run a command as root in the guest. `port`: of this host's loopback. */
export function sshArguments(port: number, command: string): string[] {
  const { key, knownHosts } = files();
  const settings = [
    ...['BatchMode=yes', 'IdentitiesOnly=yes', 'StrictHostKeyChecking=yes', `HostKeyAlias=${HOST_NAME}`],
    ...[
      `UserKnownHostsFile=${knownHosts}`,
      'GlobalKnownHostsFile=/dev/null',
      `ConnectTimeout=${SSH_CONNECT_S}`,
    ],
  ];
  const options = settings.flatMap((setting) => ['-o', setting]);
  return ['-F', 'none', '-i', key, '-p', String(port), ...options, 'root@127.0.0.1', command];
}

/** Runs a command as root in the guest; resolves with what it printed. */
export async function sshDebianSystem(port: number, command: string): Promise<string> {
  const options = { timeout: SSH_DEADLINE_MS, stdin: 'ignore' } as const;
  return (await execa('ssh', sshArguments(port, command), options)).stdout;
}
