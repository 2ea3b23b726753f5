/**
 * The process behind a vhost-user device. Its connection goes with the guest, so that process neither restarts nor
 * reconnects in an upgrade.
 */
import type { CarriedDescriptor, Carrier } from '../../carried.js';
import { RAM_BASE_ADDRESS } from '../../layout.js';
import { type Greet, VhostUserBackend } from '../../vhost-user/backend.js';
import type { DeviceContext } from '../devices.js';

export interface VhostUserProcess {
  readonly backend: VhostUserBackend;
  readonly carrier: Carrier;
}

/** `what` the process serves, in words. Rejects with a sentence. */
export async function openVhostUser(
  id: string | null,
  what: string,
  greet: Greet,
  { options, received, ramFd, report }: DeviceContext,
): Promise<VhostUserProcess> {
  const chardev = options.chardevs.find((candidate) => candidate.id === id);
  if (chardev?.backend !== 'socket' || chardev.server) {
    throw new Error(`expected chardev to be a socket that connects (server=off), got ${chardev?.backend}`);
  }
  if (ramFd === null) {
    throw new Error(
      'the backend cannot reach guest RAM: it must be shared, as by -machine memory-backend=ID and -object memory-backend-memfd,id=ID,share=on',
    );
  }
  const settings = {
    greet,
    ram: { fd: ramFd, baseAddress: RAM_BASE_ADDRESS, sizeBytes: options.memory.sizeBytes },
    broke: (reason: string) => report(`the ${what} of chardev '${chardev.id}' is gone: ${reason}`),
  };
  const name = `vhost-user/${chardev.id}`;
  const fd = received.take(name);
  const backend =
    fd === null ? await VhostUserBackend.connect(chardev.path, settings) : new VhostUserBackend(fd, settings);
  return { backend, carrier: carrierOf(name, backend) };
}

/** Nothing is heard of the backend while another process may be speaking with it. */
function carrierOf(name: string, backend: VhostUserBackend): Carrier {
  return {
    carry: (): readonly CarriedDescriptor[] => [{ name, id: 0, fd: backend.fd }],
    carried: (outcome) => backend.setQuiet(outcome === 'gone'),
    guestRuns: (runs) => {
      if (runs) backend.setQuiet(false);
    },
  };
}
