/** The client as command line and environment ask for it. */
import { readFileSync } from 'node:fs';
import { BatonClient } from '../client/index.js';
import { usageError } from './exit-codes.js';
import { type Environment, fromEnvironment, type GlobalValues } from './global-options.js';

function read(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usageError(`cannot read the file of --${option}: ${(error as Error).message}`);
  }
}

function tokenOf(
  { tokenFile }: GlobalValues,
  isGiven: boolean,
  environment: Environment,
): string | undefined {
  const direct = environment.BATON_TOKEN;
  if (!isGiven && direct !== undefined && direct !== '') return direct.trim();
  return tokenFile === undefined ? undefined : read('token-file', tokenFile).trim();
}

export function connect(
  given: GlobalValues,
  environment: Environment,
  onExchange: (line: string) => void,
): BatonClient {
  const values = fromEnvironment(given, environment);
  const { host, ca, cert, key, debug } = values;
  const token = tokenOf(values, given.tokenFile !== undefined, environment);
  if ((cert === undefined) !== (key === undefined)) {
    throw usageError('expected --cert and --key together, got only one of them');
  }
  return new BatonClient({
    ...(host === undefined ? {} : { host }),
    ...(token === undefined ? {} : { token }),
    ...(ca === undefined ? {} : { ca: read('ca', ca) }),
    ...(cert === undefined ? {} : { cert: read('cert', cert) }),
    ...(key === undefined ? {} : { key: read('key', key) }),
    ...(debug === true ? { onExchange } : {}),
  });
}
