/** `vhost-user-blk`: a disk that another process serves. */
import { VhostUserBlk } from '../../devices/vhost-user-blk/device.js';
import { boolOf, numberOf, textOf } from '../../options/device-type.js';
import type { DeviceOptions } from '../../options/options.js';
import { greetBlock } from '../../vhost-user/greetings.js';
import type { DeviceContext, OpenPart } from '../devices.js';
import { openVhostUser } from './vhost-user.js';

export async function openVhostUserBlk({ values }: DeviceOptions, context: DeviceContext): Promise<OpenPart> {
  const queues = numberOf(values, 'num-queues');
  const { backend, carrier } = await openVhostUser(
    textOf(values, 'chardev'),
    'disk',
    (connection, ram) => greetBlock(connection, ram, queues),
    context,
  );
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
    return { part: device.part, carrier, drain: () => device.drain(), close: async () => backend.close() };
  } catch (error) {
    backend.close();
    throw error;
  }
}
