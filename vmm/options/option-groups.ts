/**
 * The options that take a list of properties, as `query-command-line-options` shows them. Names of options and
 * properties are QEMU's, which calls `-m` memory and `-smp` smp-opts; each property is one that the readers take.
 */

export interface OptionParameter {
  readonly name: string;
  readonly type: 'string' | 'boolean' | 'number' | 'size';
  readonly help?: string;
}

export interface OptionGroup {
  readonly option: string;
  /** Empty also for an option whose properties depend on what it makes. */
  readonly parameters: readonly OptionParameter[];
}

const of = (type: OptionParameter['type'], ...names: readonly string[]): OptionParameter[] =>
  names.map((name) => ({ name, type }));

export const OPTION_GROUPS: readonly OptionGroup[] = [
  {
    option: 'machine',
    parameters: [
      ...of(
        'string',
        'type',
        'memory-backend',
        'dumpdtb',
        'kernel',
        'initrd',
        'append',
        'dtb',
        'firmware',
        'aia',
      ),
      ...of('boolean', 'aux-ram-share', 'aclint'),
    ],
  },
  {
    option: 'smp-opts',
    parameters: of('number', 'cpus', 'sockets', 'dies', 'clusters', 'cores', 'threads', 'maxcpus'),
  },
  { option: 'memory', parameters: of('size', 'size') },
  { option: 'accel', parameters: [] },
  { option: 'object', parameters: [] },
  { option: 'device', parameters: [] },
  {
    option: 'chardev',
    parameters: [
      ...of('string', 'backend', 'path', 'input-path', 'logfile'),
      ...of('boolean', 'server', 'wait', 'append', 'logappend', 'mux', 'signal'),
      ...of('number', 'reconnect-ms'),
    ],
  },
  { option: 'mon', parameters: [...of('string', 'mode', 'chardev'), ...of('boolean', 'pretty')] },
  { option: 'global', parameters: of('string', 'driver', 'property', 'value') },
  { option: 'name', parameters: [...of('string', 'guest'), ...of('boolean', 'debug-threads')] },
  { option: 'add-fd', parameters: [...of('number', 'fd', 'set'), ...of('string', 'opaque')] },
  { option: 'action', parameters: of('string', 'reboot', 'shutdown', 'panic', 'watchdog') },
];
