/** Opens what an option describes. Errors name the chardev and what could not be opened. */
import type { ChardevOptions } from '../options/options.js';
import type { Chardev, ChardevSettings } from './chardev.js';
import { FileChardev } from './file-chardev.js';
import { LogFile } from './log-file.js';
import { SocketChardev } from './socket-chardev.js';
import { StdioChardev } from './stdio-chardev.js';

export async function openChardev(options: ChardevOptions, settings: ChardevSettings): Promise<Chardev> {
  try {
    const log = options.logfile === null ? null : new LogFile(options.logfile, options.logAppend);
    return await open(options, settings, log);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`chardev '${options.id}': ${reason}`, { cause });
  }
}

async function open(
  options: ChardevOptions,
  settings: ChardevSettings,
  log: LogFile | null,
): Promise<Chardev> {
  switch (options.backend) {
    case 'null':
      return new FileChardev(options.id, null, null, log);
    case 'file':
      return new FileChardev(options.id, options, options.inputPath, log);
    case 'stdio':
      return new StdioChardev(options.id, options.signal, log);
    case 'socket':
      return openSocket(new SocketChardev(options.id, options, log, settings.backlogBytes));
  }
}

async function openSocket(chardev: SocketChardev): Promise<Chardev> {
  try {
    await chardev.open();
    return chardev;
  } catch (error) {
    await chardev.close();
    throw error;
  }
}
