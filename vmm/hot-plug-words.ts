/** What changes of the VM are refused with: QEMU's words, for which the readers of the command line have others. */
import { readDeviceOptions } from './options/device-options.js';
import { OptionError } from './options/error.js';
import type { DeviceOptions } from './options/options.js';
import { QmpError } from './qmp/error.js';

/** Here QEMU complains of the property. */
export function readDevice(text: string): DeviceOptions {
  try {
    return readDeviceOptions('device_add', text);
  } catch (error) {
    const [, name] = /: unknown parameter '([^']*)'$/.exec((error as Error).message) ?? [];
    if (name === undefined) throw error;
    const driver = /^\{.*?"driver":"([^"]*)"|^(?:driver=)?([^,]*)/.exec(text);
    throw new QmpError(`Property '${driver?.[1] ?? driver?.[2]}.${name}' not found`, 'GenericError', {
      cause: error,
    });
  }
}

export function notHotPluggable({ bus }: DeviceOptions): QmpError {
  return new QmpError(`Bus '${bus}' does not support hotplugging`);
}

export function deviceNotFound(id: string): QmpError {
  return new QmpError(`Device '${id}' not found`, 'DeviceNotFound');
}

/** Monitors do not name the option that the reader was for. */
export function inWordsOfQemu(error: Error): Error {
  if (error.message.startsWith("chardev '")) return new QmpError(`Failed to add ${error.message}`);
  if (!(error instanceof OptionError)) return error;
  const reason = error.message.slice(error.option.length + 2);
  const words = reason
    .replace(/^parameter ('[^']*' is missing)$/, 'Parameter $1')
    .replace(/^[Pp]arameter 'id' expects an identifier.*$/, "Parameter 'id' expects an identifier")
    .replace(
      /^parameter ('[^']*') expects 'on' or 'off'.*$/,
      'Invalid parameter type for $1, expected: boolean',
    )
    .replace(/^unknown parameter ('[^']*')$/, 'Parameter $1 is unexpected');
  return new QmpError(words, 'GenericError', { cause: error });
}
