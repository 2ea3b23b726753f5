/** Instances: VMM processes that run, or ran, a machine, numbered by generation. */

/** A process is known by all three: pids are given again, start times repeat after a reboot. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly startTicks: number;
  readonly bootId: string;
}

export const INSTANCE_STATES = [
  /** About to be started: the process may or may not exist yet. */
  'starting',
  'alive',
  'gone',
] as const;
export type InstanceState = (typeof INSTANCE_STATES)[number];

export interface Instance {
  readonly machineId: string;
  readonly generation: number;
  readonly buildId: string;
  readonly socketsDir: string;
  readonly logsDir: string;
  readonly state: InstanceState;
  readonly process: ProcessIdentity | null;
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
  readonly endReason: string | null;
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
}

export interface InstancePaths {
  readonly qmp: string;
  readonly cpr: string;
  readonly main: string;
  /** A FIFO: what is written there is typed into the serial console. */
  readonly consoleInput: string;
  readonly vnc: string;
  /** Where the port of the guest's agent is reached. */
  readonly agent: string;
  readonly vmmLog: string;
  readonly consoleLog: string;
}

/** Every generation has paths of its own: a source that quits unlinks the sockets it made. */
export function instancePaths({
  socketsDir,
  logsDir,
}: Pick<Instance, 'socketsDir' | 'logsDir'>): InstancePaths {
  return {
    qmp: `${socketsDir}/qmp.sock`,
    cpr: `${socketsDir}/cpr.sock`,
    main: `${socketsDir}/main.sock`,
    consoleInput: `${socketsDir}/console.in`,
    vnc: `${socketsDir}/vnc.sock`,
    agent: `${socketsDir}/qga.sock`,
    vmmLog: `${logsDir}/vmm.log`,
    consoleLog: `${logsDir}/console.log`,
  };
}
