/** Judges the files a machine is started from before anything else is made. */
import type { VmmOptions } from '../options/options.js';
import { Boot } from './boot.js';

/** Throws `OptionError` when a file to boot from does not exist, is none, or does not fit into RAM. */
export function checkBootFiles(options: VmmOptions): void {
  new Boot(options).close();
}
