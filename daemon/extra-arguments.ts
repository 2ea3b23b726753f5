/**
 * Arguments in QEMU's words that an operator adds to a machine's command line: the way out for what its document has
 * no word for. Those are refused by name that the daemon sets itself, since its upgrades hang on them; that the
 * document says, since it would lie; and that lose the guest or its data when a VMM is replaced. What is left is the
 * operator's business, and of preflight. Pure.
 */

export const MAX_EXTRA_ARGUMENTS = 64;

const BY_DAEMON = 'is set by the daemon';
const ENDS = 'makes the VMM end instead of running the machine';

/** Why, by option. N.B. An option with two names is here twice. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ...['incoming', 'S', 'qmp', 'qmp-pretty', 'daemonize', 'pidfile', 'run-with', 'preconfig', 'add-fd'].map(
    (name) => [name, BY_DAEMON] as const,
  ),
  ...['chroot', 'runas', 'async-teardown'].map((name) => [name, BY_DAEMON] as const),
  ...['name', 'uuid'].map((name) => [name, 'is set by the daemon, from the machine'] as const),
  ...(
    [
      ['m', 'memoryMiB'],
      ['mem-path', 'memoryMiB'],
      ['mem-prealloc', 'memoryMiB'],
      ['smp', 'vcpus'],
      ['cpu', 'cpu'],
      ['accel', 'accelerator'],
      ['enable-kvm', 'accelerator'],
      ['kernel', 'kernel'],
      ['initrd', 'initrd'],
      ['append', 'commandLine'],
      ['bios', 'firmware'],
      ['display', 'display'],
      ['vnc', 'display'],
    ] as const
  ).map(([name, member]) => [name, `is said by the member ${member}`] as const),
  ['nographic', 'takes the serial port and the monitor away from the daemon'],
  ['curses', 'needs a terminal, which the VMM has not'],
  ['no-shutdown', 'hides from the daemon that the guest has powered off'],
  ['snapshot', 'would throw away at each upgrade what the guest has written'],
  ['loadvm', 'starts from a state, which an upgrade does itself'],
  ['readconfig', 'reads arguments from a file, where they are not seen'],
  ['set', 'changes arguments where they are not seen'],
  ...['h', 'help', 'version', 'dump-vmstate'].map((name) => [name, ENDS] as const),
]);

/** Properties of the machine that may not be given again; the type itself is a member of the document. */
const REFUSED_MACHINE = /^(type|memory-backend|aux-ram-share|kernel|initrd|append|firmware|accel|dumpdtb)$/;

/** Sentences that name the argument; none: all may be used. */
export function refusedArguments(args: readonly string[]): string[] {
  const [first] = args;
  if (first !== undefined && !first.startsWith('-')) {
    return [`extraArguments must begin with an option such as -device, got ${first}`];
  }
  return args.flatMap((argument, index) => {
    if (!argument.startsWith('-')) return [];
    const name = argument.replace(/^--?/, '');
    const reason = REFUSED.get(name) ?? reasonByValue(name, args[index + 1] ?? '');
    return reason === null ? [] : [`extraArguments must not have ${argument}: it ${reason}`];
  });
}

function reasonByValue(name: string, value: string): string | null {
  if (name === 'machine' || name === 'M') {
    const keys = value.split(',').map((part) => (part.includes('=') ? part.replace(/=.*$/s, '') : 'type'));
    const owned = keys.find((key) => REFUSED_MACHINE.test(key));
    return owned === undefined ? null : `gives the machine's ${owned} again, which ${BY_DAEMON}`;
  }
  if (name === 'global' && /^(driver=)?(migration|memory-backend-)/.test(value)) {
    return 'changes how the daemon moves the guest';
  }
  if (name === 'action' && /(^|,)shutdown=/.test(value)) return REFUSED.get('no-shutdown') ?? null;
  return null;
}
