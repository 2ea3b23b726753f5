/**
 * The whole Debian in a VMM that nothing but a QMP script looks after, busy with everything that an upgrade could
 * break: commits, verified writes, changed memory, one ssh connection, two TCP transfers, a console and an agent with
 * clients that stay. Nothing of it is interrupted by an upgrade; what is broken is thrown by `check`.
 */
import type { ChildProcess } from 'node:child_process';
import { BareQemu, MachineArguments, type Mode } from '../bench/bare-qemu.js';
import type { Contender } from '../bench/contender.js';
import { LOAD_PORTS } from '../guests/linux/debian-load.js';
import { copyDebianDisk, debianSystemArguments, RUNNING_LINE } from '../guests/linux/debian-system.js';
import { checkFilesystem } from '../guests/linux/disk-image.js';
import { GuestAgent } from '../guests/linux/guest-agent.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
import { ConsoleLines } from './console-lines.js';
import { type Clock, DebianSession } from './debian-session.js';
import { DigestStream } from './digest-stream.js';
import { makeNetwork } from './own-network.js';
import { endPasst, PASST_ADDRESS, PASST_ROUTER, SSH_FORWARD, SSH_PORT, startPasst } from './passt.js';
import { TcpStream } from './tcp-stream.js';

const PORTS = Object.values(LOAD_PORTS).map((port) => `${port}:${port}`);
/** A network of few packets: what is looked for is a break, and the guest has more to do. */
const ECHO_EVERY_MS = 10;
const BOOT_DEADLINE_MS = 180_000;
const WORK_DEADLINE_MS = 60_000;
const POWER_OFF_DEADLINE_MS = 60_000;
const CLOCK_DEADLINE_MS = 60_000;
export const CLOCK_TOLERANCE_MS = 50;

/** What was measured until all work had gone on for a while. */
export interface RestFigures {
  readonly mode: null;
  readonly sshGapMs: number;
  readonly tcpGapMs: number;
  /** Of the files that were written and synced, by the guest's clock. */
  readonly longestWriteMs: number;
}

/** The same around one upgrade. */
export interface UpgradeFigures extends Omit<RestFigures, 'mode'> {
  readonly mode: Mode;
  readonly pauseMs: number;
  readonly clock: Clock;
}

interface Life {
  readonly bootId: string;
  readonly uptimeMs: number;
  readonly atMs: number;
}

export class DebianStage {
  readonly figures: UpgradeFigures[] = [];
  readonly #contender: Contender;
  readonly #directory: TempDir;
  #passt: ChildProcess | undefined;
  #machine: BareQemu | undefined;
  #disk = '';
  #console: ConsoleLines | undefined;
  #agent: GuestAgent | undefined;
  #session: DebianSession | undefined;
  #echo: TcpStream | undefined;
  #digest: DigestStream | undefined;
  #life: Life = { bootId: '', uptimeMs: 0, atMs: 0 };

  private constructor(contender: Contender, directory: TempDir) {
    this.#contender = contender;
    this.#directory = directory;
  }

  /** Resolves when Debian runs and everything works. Needs a network namespace of its own, without a network. */
  static async open(contender: Contender): Promise<DebianStage> {
    const stage = new DebianStage(contender, await tempDir());
    try {
      await makeNetwork('outside', `${PASST_ADDRESS}/24`, PASST_ROUTER);
      await stage.#boot();
      await stage.#startWork();
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  get session(): DebianSession {
    return the(this.#session);
  }

  /** The guest goes to another VMM; resolves when everything has gone on there. */
  async upgrade(mode: Mode): Promise<UpgradeFigures> {
    const machine = the(this.#machine);
    const measured = await this.#measure(() => machine.upgrade(mode, this.#contender));
    const figures = {
      ...{ ...measured, mode, pauseMs: machine.pauses.at(-1) ?? Number.NaN },
      clock: await this.#clock(),
    };
    this.figures.push(figures);
    await this.#checkLife();
    return figures;
  }

  /** What is measured without an upgrade. */
  rest(): Promise<RestFigures> {
    return this.#measure(async () => {});
  }

  /** All work ends with the right results, the power goes off, the disk is clean. Resolves with MB/s of the transfer. */
  async finish(): Promise<number> {
    const megabytesPerSecond = await the(this.#digest).finish(WORK_DEADLINE_MS);
    the(this.#echo).close();
    const { counts } = the(this.#session);
    await the(this.#session).finish();
    if (Object.values(counts).some((count) => count === 0)) {
      throw new Error(`expected all kinds of work to be done, got ${JSON.stringify(counts)}`);
    }
    the(this.#agent).send('guest-shutdown', { mode: 'powerdown' });
    await the(this.#machine).vmm.waitForEnd(POWER_OFF_DEADLINE_MS);
    await checkFilesystem(this.#disk);
    return megabytesPerSecond;
  }

  async close(): Promise<void> {
    for (const part of [this.#digest, this.#echo, this.#session, this.#agent, this.#console]) part?.close();
    await this.#machine?.end();
    if (this.#passt !== undefined) await endPasst(this.#passt);
    await this.#directory.remove();
  }

  async #measure(act: () => Promise<void>): Promise<RestFigures> {
    const [session, echo] = [the(this.#session), the(this.#echo)];
    session.takeLongestGapMs();
    echo.takeLongestGapMs();
    const writes = session.writesMs.length;
    await act();
    await this.#worksOn();
    const longestWriteMs = Math.max(...session.writesMs.slice(writes));
    const gaps = { sshGapMs: session.takeLongestGapMs(), tcpGapMs: echo.takeLongestGapMs() };
    return { mode: null, ...gaps, longestWriteMs };
  }

  async #boot(): Promise<void> {
    const folder = this.#directory.path;
    this.#disk = await copyDebianDisk(folder);
    const [networkSocket, agentSocket, consoleSocket] = ['net', 'agent', 'console'].map(
      (name) => `${folder}/${name}`,
    ) as [string, string, string];
    this.#passt = await startPasst(networkSocket, { ports: [SSH_FORWARD, ...PORTS] });
    const machine = new BareQemu(
      new MachineArguments([
        ...debianSystemArguments({
          ...{ disk: this.#disk, networkSocket, agentSocket },
          ...{ console: { socket: consoleSocket }, isMovable: true },
        }),
        ...['-S', '-qmp', 'unix:{folder}/qmp.sock,server=on,wait=off'],
      ]),
      `${folder}/vmm`,
    );
    this.#machine = machine;
    await machine.start(this.#contender);
    this.#console = await ConsoleLines.open(consoleSocket);
    await this.#console.says(RUNNING_LINE, BOOT_DEADLINE_MS);
    this.#agent = await GuestAgent.open(agentSocket);
  }

  async #startWork(): Promise<void> {
    await the(this.#console).answer();
    this.#session = await DebianSession.open(SSH_PORT);
    this.#echo = await TcpStream.open('127.0.0.1', LOAD_PORTS.echo, { sendEveryMs: ECHO_EVERY_MS });
    this.#digest = await DigestStream.open(LOAD_PORTS.digest);
    await this.#worksOn();
    await this.#setClock();
    this.#life = { ...(await this.#session.life()), atMs: performance.now() };
  }

  async #worksOn(): Promise<void> {
    await Promise.all([
      the(this.#session).worksOn(WORK_DEADLINE_MS),
      the(this.#echo).flowsOn(WORK_DEADLINE_MS),
      the(this.#digest).goesOn(WORK_DEADLINE_MS),
      the(this.#console).goesOn(WORK_DEADLINE_MS),
      the(this.#agent).execute('guest-ping'),
    ]);
    if (the(this.#passt).exitCode !== null)
      throw new Error('expected passt to keep its client, it has ended');
  }

  /** Linux takes the time from a clock of seconds when it boots. */
  async #setClock(): Promise<void> {
    const isRight = async () => {
      const { leastMs, mostMs } = await the(this.#session).clock();
      if (-leastMs < 10 && mostMs < 10) return true;
      await the(this.#session).setClock(-(leastMs + mostMs) / 2);
      return false;
    };
    await waitFor(isRight, { deadlineMs: CLOCK_DEADLINE_MS, what: "the guest's clock to be set" });
  }

  /** Looks until a look is short enough to prove that the clock is right, or wrong. */
  #clock(): Promise<Clock> {
    const look = async () => {
      const clock = await the(this.#session).clock();
      if (clock.leastMs > CLOCK_TOLERANCE_MS || clock.mostMs < -CLOCK_TOLERANCE_MS) {
        throw new Error(
          `expected the guest's clock to be right, it is off by ${clock.leastMs}…${clock.mostMs} ms`,
        );
      }
      return clock.leastMs >= -CLOCK_TOLERANCE_MS && clock.mostMs <= CLOCK_TOLERANCE_MS ? clock : null;
    };
    return waitFor(look, {
      deadlineMs: CLOCK_DEADLINE_MS,
      what: "a look at the guest's clock that is short enough",
    });
  }

  async #checkLife(): Promise<void> {
    const from = performance.now();
    const { bootId, uptimeMs } = await the(this.#session).life();
    const to = performance.now();
    if (bootId !== this.#life.bootId) throw new Error(`expected boot ${this.#life.bootId}, got ${bootId}`);
    const passedMs = uptimeMs - this.#life.uptimeMs;
    const { atMs } = this.#life;
    // The first look took a moment too.
    if (passedMs < from - atMs - CLOCK_TOLERANCE_MS || passedMs > to - atMs + 2000) {
      throw new Error(
        `expected the guest to have lived ${from - atMs}…${to - atMs} ms on, it says ${passedMs}`,
      );
    }
  }
}

function the<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('expected an open stage');
  return part;
}
