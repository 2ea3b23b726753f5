/** What the manual says beside the commands. The same words for roff and for Markdown. */
import { EXIT_CODES, SIGNALS_MEAN } from '../exit-codes.js';
import { VARIABLES } from '../global-options.js';

export const DESCRIPTION = [
  'baton is the command line of Baton. It speaks with batond, the host service that runs machines and replaces the virtual machine monitor under a running one.',
  'Options that every command takes may stand before or after its name. On a terminal there are tables, colours and progress; elsewhere plain lines, and with --json the documents of the interface: lists as one document, what comes one after the other as one document a line. Results go to stdout, everything about them to stderr.',
  'What takes long is waited for, unless --no-wait is given; --timeout says how long the whole command may take, whatever it does (7 is its exit code then). Ctrl-C ends the waiting and not what was asked for: the command that goes on waiting is shown.',
];

export const FINDING = [
  'The daemon is found by --host, or BATON_HOST: unix:/PATH for a socket of this host (default: unix:/run/baton/batond.sock), https://NAME:PORT for another host. Over TLS it is trusted by the authorities of --ca, or of the system; it knows who asks by a token (--token-file, BATON_TOKEN_FILE, BATON_TOKEN) or a client certificate (--cert and --key).',
];

/** Number and meaning. */
export const EXITS: readonly (readonly [string, string])[] = [
  ...Object.values(EXIT_CODES).map(({ code, means }) => [String(code), means] as const),
  ['128+N', SIGNALS_MEAN],
];

export const ENVIRONMENT = VARIABLES;
