/**
 * `vhost-user-blk`: a disk that another process serves. Its connection goes with the guest, so that process neither
 * restarts nor reconnects in an upgrade.
 */
import type { CarriedDescriptor, Carrier } from '../../carried.js';
import { VhostUserBlk } from '../../devices/vhost-user-blk/device.js';
import { RAM_BASE_ADDRESS } from '../../layout.js';
import { boolOf, numberOf, textOf } from '../../options/device-type.js';
import type { DeviceOptions } from '../../options/options.js';
import { VhostUserBlock } from '../../vhost-user/block-backend.js';
import type { DeviceContext, OpenPart } from '../devices.js';

export async function openVhostUserBlk(
  { values }: DeviceOptions,
  { options, received, ramFd, report }: DeviceContext,
): Promise<OpenPart> {
  const chardev = options.chardevs.find(({ id }) => id === textOf(values, 'chardev'));
  if (chardev?.backend !== 'socket' || chardev.server) {
    throw new Error(`expected chardev to be a socket that connects (server=off), got ${chardev?.backend}`);
  }
  if (ramFd === null) {
    throw new Error(
      'the backend cannot reach guest RAM: it must be shared, as by -machine memory-backend=ID and -object memory-backend-memfd,id=ID,share=on',
    );
  }
  const queues = numberOf(values, 'num-queues');
  const settings = {
    queues,
    ram: { fd: ramFd, baseAddress: RAM_BASE_ADDRESS, sizeBytes: options.memory.sizeBytes },
    broke: (reason: string) => report(`the disk of chardev '${chardev.id}' is gone: ${reason}`),
  };
  const name = `vhost-user/${chardev.id}`;
  const fd = received.take(name);
  const backend =
    fd === null ? await VhostUserBlock.connect(chardev.path, settings) : new VhostUserBlock(fd, settings);
  try {
    const device = new VhostUserBlk(
      {
        queues,
        queueSize: numberOf(values, 'queue-size'),
        configWce: boolOf(values, 'config-wce'),
        discard: boolOf(values, 'discard'),
        writeZeroes: boolOf(values, 'write-zeroes'),
      },
      backend,
    );
    return {
      part: device.part,
      carrier: carrierOf(name, backend),
      drain: () => device.drain(),
      close: async () => backend.close(),
    };
  } catch (error) {
    backend.close();
    throw error;
  }
}

/** Nothing is heard of the backend while another process may be speaking with it. */
function carrierOf(name: string, backend: VhostUserBlock): Carrier {
  return {
    carry: (): readonly CarriedDescriptor[] => [{ name, id: 0, fd: backend.fd }],
    carried: (outcome) => backend.setQuiet(outcome === 'gone'),
    guestRuns: (runs) => {
      if (runs) backend.setQuiet(false);
    },
  };
}
