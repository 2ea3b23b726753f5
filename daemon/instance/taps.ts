/**
 * The descriptors of a machine's tap interfaces. An interface is made and configured by the operator, outlives every
 * VMM, and can be opened once: so a descriptor is opened for the first VMM and copied for the one that takes the guest
 * over, out of the process that has it, which a daemon that was restarted can do too. Both have it for a while; the
 * frames that the one takes that must not run are lost, as on any wire.
 *
 * The frames have no virtio header before them (IFF_VNET_HDR). Its length belongs to the interface: a target that
 * realizes its card sets it back under the running source, and there it stays when the target is given up. So
 * checksums and segments are the guest's work.
 *
 * A program that a VMM execs inherits the descriptors by number: QEMU does not close on exec what its command line
 * names.
 */
import * as native from '../../native/index.js';
import { messageOf } from '../errors.js';
import { type Hardware, type TapNic, tapsOf } from '../hardware.js';
import type { ProcessIdentity } from '../instance.js';
import type { HostProcesses } from './host.js';

const TUN = '/dev/net/tun';

/** In the order of the cards. `processes` are those of the machine. The caller closes what it gets. */
export async function takeTaps(
  hardware: Pick<Hardware, 'nics'>,
  processes: readonly ProcessIdentity[],
  host: HostProcesses,
): Promise<readonly number[]> {
  const fds: number[] = [];
  try {
    for (const tap of tapsOf(hardware)) fds.push((await copy(tap, processes, host)) ?? open(tap));
    return fds;
  } catch (error) {
    for (const fd of fds) native.closeFd(fd);
    throw error;
  }
}

async function copy(
  { interface: name }: TapNic,
  processes: readonly ProcessIdentity[],
  host: HostProcesses,
): Promise<number | null> {
  for (const process of processes) {
    try {
      const fd = await host.copyDescriptor(process, TUN, `iff:\t${name}`);
      if (fd !== null) return fd;
    } catch (cause) {
      const remedy = 'the daemon needs CAP_SYS_PTRACE, or its own user and kernel.yama.ptrace_scope=0';
      const words = `${name} cannot be taken over from process ${process.pid}: ${messageOf(cause)}; ${remedy}`;
      throw new Error(words, { cause });
    }
  }
  return null;
}

function open({ interface: name }: TapNic): number {
  try {
    return native.openTap(name);
  } catch (cause) {
    if (!(cause instanceof native.NativeError)) throw cause;
    throw new Error(`${explain(name, cause)} (${cause.message})`, { cause });
  }
}

function explain(name: string, { code }: native.NativeError): string {
  const make = `ip tuntap add dev ${name} mode tap user ${process.getuid?.() ?? 0}`;
  if (code === 'ENODEV') return `expected interface ${name}, but there is none: make it with \`${make}\``;
  if (code === 'ENOENT') return `expected ${TUN} for ${name}, but there is none: load the module tun`;
  if (code === 'EBUSY')
    return `expected interface ${name} to be free, but another process has it: end that one`;
  if (code === 'EINVAL')
    return `expected interface ${name} to be a tap of one queue: make it with \`${make}\``;
  if (code !== 'EPERM' && code !== 'EACCES') return `interface ${name} cannot be opened`;
  return `not permitted to open interface ${name}: give the daemon CAP_NET_ADMIN, or make it the user's with \`${make}\``;
}
