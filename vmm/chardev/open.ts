/** Opens what an option describes. Errors name the chardev and what could not be opened. */
import type { ChardevOptions } from '../options/options.js';
import type { Chardev, ChardevSettings } from './chardev.js';
import { FileChardev } from './file-chardev.js';
import { LogFile } from './log-file.js';
import { openOutput } from './output-file.js';
import { PtyChardev } from './pty-chardev.js';
import { SocketChardev } from './socket-chardev.js';
import { StdioChardev } from './stdio-chardev.js';

export async function openChardev(options: ChardevOptions, settings: ChardevSettings): Promise<Chardev> {
  try {
    return await open(options, settings, openLog(options, settings));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`chardev '${options.id}': ${reason}`, { cause });
  }
}

function openLog({ id, logfile, logAppend }: ChardevOptions, { received }: ChardevSettings): LogFile | null {
  if (logfile === null) return null;
  return new LogFile(openOutput({ path: logfile, append: logAppend }, received, `chardev/${id}/log`));
}

async function open(
  options: ChardevOptions,
  settings: ChardevSettings,
  log: LogFile | null,
): Promise<Chardev> {
  const { id } = options;
  switch (options.backend) {
    case 'null':
      return new FileChardev(id, null, null, log, settings);
    case 'file':
      return new FileChardev(id, options, options.inputPath, log, settings);
    case 'stdio':
      return new StdioChardev(id, options.signal, log, settings.awaitsGuest);
    case 'pty':
      return new PtyChardev(id, log, settings);
    case 'socket':
      return openSocket(new SocketChardev(id, options, log, settings), settings);
  }
}

async function openSocket(chardev: SocketChardev, { received }: ChardevSettings): Promise<Chardev> {
  try {
    await chardev.open(received);
    return chardev;
  } catch (error) {
    await chardev.close();
    throw error;
  }
}
