/** Commands that change what the VM is made of; what is added is given as on the command line. */

import type { Command, MonitorContext } from '../../qmp/command.js';
import { chardevRemove as qmpChardevRemove } from '../../qmp/commands/chardev-remove.js';
import { deviceDel as qmpDeviceDel } from '../../qmp/commands/device-del.js';
import { netdevDel as qmpNetdevDel } from '../../qmp/commands/netdev-del.js';
import { objectDel as qmpObjectDel } from '../../qmp/commands/object-del.js';
import { type HmpCommand, qmp } from '../command.js';

type Add = (hotPlug: MonitorContext['hotPlug'], text: string) => Promise<void>;

function adding(name: string, parameters: string, help: string, argument: string, add: Add): HmpCommand {
  return {
    names: [name],
    parameters,
    help,
    args: [{ kind: 'rest', name: argument }],
    run: async ({ hotPlug }, args) => {
      await add(hotPlug, args.text(argument));
      return '';
    },
  };
}

function removing(name: string, help: string, command: Command): HmpCommand {
  return {
    names: [name],
    parameters: name === 'netdev_del' || name === 'device_del' ? 'device' : 'id',
    help,
    args: [{ kind: 'string', name: 'id' }],
    run: async (context, args) => {
      await qmp(context, command, { id: args.text('id') });
      return '';
    },
  };
}

export const deviceAdd = adding(
  'device_add',
  'driver[,prop=value][,...]',
  'add device, like -device on the command line',
  'device',
  (hotPlug, text) => hotPlug.addDevice(text),
);
export const netdevAdd = adding(
  'netdev_add',
  '[tap|stream],id=str[,prop=value][,...]',
  'add host network device',
  'netdev',
  (hotPlug, text) => hotPlug.addNetdev(text, null),
);
export const chardevAdd = adding('chardev-add', 'args', 'add chardev', 'args', (hotPlug, text) =>
  hotPlug.addChardev(text),
);
export const objectAdd = adding(
  'object_add',
  '[qom-type=]type,id=str[,prop=value][,...]',
  'create QOM object',
  'object',
  (hotPlug, text) => hotPlug.addObject(text),
);
export const deviceDel = removing('device_del', 'remove device', qmpDeviceDel);
export const netdevDel = removing('netdev_del', 'remove host network device', qmpNetdevDel);
export const chardevRemove = removing('chardev-remove', 'remove chardev', qmpChardevRemove);
export const objectDel = removing('object_del', 'destroy QOM object', qmpObjectDel);
