/** Commands that change what the VM does. */

import type { Command } from '../../qmp/command.js';
import { cont as qmpCont } from '../../qmp/commands/cont.js';
import { quit as qmpQuit } from '../../qmp/commands/quit.js';
import { stop as qmpStop } from '../../qmp/commands/stop.js';
import { systemPowerdown as qmpPowerdown } from '../../qmp/commands/system-powerdown.js';
import { systemReset as qmpReset } from '../../qmp/commands/system-reset.js';
import { type HmpCommand, qmp } from '../command.js';

function plain(names: readonly string[], help: string, command: Command): HmpCommand {
  return {
    names,
    parameters: '',
    help,
    args: [],
    run: async (context) => {
      await qmp(context, command);
      return '';
    },
  };
}

export const stop = plain(['stop', 's'], 'stop emulation', qmpStop);
export const cont = plain(['cont', 'c'], 'resume emulation', qmpCont);
export const quit = plain(['quit', 'q'], 'quit the VMM', qmpQuit);
export const systemReset = plain(['system_reset'], 'reset the system', qmpReset);
export const systemPowerdown = plain(['system_powerdown'], 'send system power down event', qmpPowerdown);
