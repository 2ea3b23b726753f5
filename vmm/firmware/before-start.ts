/** What can be done with a machine's boot files without starting it. */
import { writeFileSync } from 'node:fs';
import { OptionError } from '../options/error.js';
import type { VmmOptions } from '../options/options.js';
import { Boot } from './boot.js';

/** Throws `OptionError` when a file to boot from does not exist, is none, or does not fit into RAM. */
export function checkBootFiles(options: VmmOptions): void {
  new Boot(options).close();
}

/** `-machine dumpdtb=FILE`: the device tree the guest would get. */
export function dumpDeviceTree(options: VmmOptions): void {
  const path = options.machine.dumpDtb;
  if (path === null) throw new OptionError('-machine', "parameter 'dumpdtb' is missing");
  const boot = new Boot(options);
  try {
    writeFileSync(path, boot.deviceTree);
  } catch (cause) {
    throw new OptionError('-machine', `dumpdtb: ${(cause as Error).message}`);
  } finally {
    boot.close();
  }
}
