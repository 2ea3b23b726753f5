/** A QEMU command line taken apart into its options, as QEMU does it, and put together again. Pure. */

export interface QemuOption {
  /** With one dash, however it was written; empty for an image that stands by itself. */
  readonly name: string;
  /** Null for an option that takes none. */
  readonly value: string | null;
}

/** Options without a value. One that is not here has none either when another option follows it. */
const FLAGS = new Set(
  (
    'S daemonize enable-kvm enable-sync-profile full-screen h help jitdump mem-prealloc no-acpi no-fd-bootchk ' +
    'no-hpet no-quit no-reboot no-shutdown no-user-config nodefaults nographic nouserconfig old-param ' +
    'only-migratable perfmap preconfig s sdl semihosting singlestep snapshot usb version win2k-hack xen-attach ' +
    'xen-domid-restrict'
  )
    .split(' ')
    .map((name) => `-${name}`),
);

/** Its value is free text, which may look like an option. */
const FREE_TEXT = '-append';

export function parseOptions(args: readonly string[]): QemuOption[] {
  const options: QemuOption[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const argument = args[at] as string;
    const name = argument.replace(/^--/, '-');
    if (!argument.startsWith('-') || argument === '-') options.push({ name: '', value: argument });
    else {
      const value = hasValue(name, args[at + 1]) ? (args[at + 1] as string) : null;
      if (value !== null) at += 1;
      options.push({ name, value });
    }
  }
  return options;
}

function hasValue(name: string, next: string | undefined): boolean {
  if (FLAGS.has(name) || next === undefined) return false;
  return name === FREE_TEXT || !/^-./.test(next);
}

export function formatOptions(options: readonly QemuOption[]): string[] {
  return options.flatMap(({ name, value }) =>
    [name, value].filter((text) => text !== null && text !== ''),
  ) as string[];
}

/** The parts of a value between its commas; a comma that is doubled is a part of a part and stays doubled. */
export function partsOf(value: string): string[] {
  return value.match(/(?:,,|[^,])+/g) ?? [];
}

/** In a value a comma is written twice. */
export function escapeCommas(text: string): string {
  return text.replaceAll(',', ',,');
}

export function unescapeCommas(text: string): string {
  return text.replaceAll(',,', ',');
}

/** What stands after `key=`, unescaped; null when it is not there. The last one counts. */
export function keyValue(parts: readonly string[], key: string): string | null {
  const part = parts.findLast((each) => each.startsWith(`${key}=`));
  return part === undefined ? null : unescapeCommas(part.slice(key.length + 1));
}

/** Whether a switch is on, in any of the ways to write that. */
export function isOn(parts: readonly string[], key: string): boolean {
  const part = parts.findLast((each) => each === key || each === `no${key}` || each.startsWith(`${key}=`));
  return part !== undefined && (part === key || /=(on|yes|true|y)$/.test(part));
}

export function withoutKeys(parts: readonly string[], keys: readonly string[]): string[] {
  return parts.filter((part) => !keys.includes((/^[^=]*/.exec(part) as RegExpExecArray)[0]));
}
