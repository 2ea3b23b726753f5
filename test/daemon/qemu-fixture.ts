/** A daemon in this process whose machines run on the real QEMUs of the cache. */
import { symlinkSync, writeFileSync } from 'node:fs';
import type { App, AppOptions } from '../../daemon/app.js';
import type { QemuTarget } from '../fetch/cache.js';
import { ticker } from '../guests/ticker.js';
import { x86Ticker } from '../guests/x86-ticker.js';
import { tempDir } from '../helpers/temp-dir.js';
import { call, type Folders, perform, startApp } from './fixture.js';

/** The folders of a daemon and the ticker of an architecture; no baton-vmm. */
export async function makeQemuFolders(target: QemuTarget): Promise<Folders> {
  const { path, remove } = await tempDir();
  const kernel = `${path}/ticker.bin`;
  writeFileSync(kernel, target === 'x86_64' ? x86Ticker() : ticker({ patternMiB: 2 }).bytes);
  return { path, stateDir: `${path}/s`, runtimeDir: `${path}/r`, kernel, vmm: '', remove };
}

/** Without the VMM of an installation: every machine names its build. */
export function startQemuApp(folders: Folders, options: Partial<AppOptions> = {}): Promise<App> {
  return startApp(folders, { ...options, ownBuild: null });
}

/** Registers a QEMU under a path of its own, so that the same binary can be two builds. Returns the build's id. */
export async function registerQemu(
  app: App,
  folders: Folders,
  name: string,
  binary: string,
): Promise<string> {
  const path = `${folders.path}/${name}`;
  symlinkSync(binary, path);
  const { status, body } = await call(app, 'POST', '/v1/builds', { kind: 'qemu', path });
  if (status !== 201) throw new Error(`expected 201, got ${status} ${JSON.stringify(body)}`);
  return body.id;
}

export interface Wrapper {
  readonly binary: string;
  /** Of a shell script; what they leave of it runs `binary`. */
  readonly lines?: readonly string[];
}

/** Returns the path of a script that runs a QEMU. */
export function writeWrapper(folders: Folders, name: string, { binary, lines = [] }: Wrapper): string {
  const path = `${folders.path}/${name}.sh`;
  writeFileSync(path, ['#!/bin/sh', ...lines, `exec '${binary}' "$@"`, ''].join('\n'), { mode: 0o755 });
  return path;
}

/** Registers a script that runs a QEMU as one. Returns the build's id. */
export function registerWrapper(app: App, folders: Folders, name: string, wrapper: Wrapper): Promise<string> {
  return registerQemu(app, folders, name, writeWrapper(folders, name, wrapper));
}

/** For a wrapper: `act` instead of the program, but only where a real machine is taken over, not in a rehearsal. */
export function atTakeOver(act: string): readonly string[] {
  return ['case " $* " in', '*/trial/*) ;;', `*' -incoming '*) ${act} ;;`, 'esac'];
}

/** For a wrapper: each argument is edited by sed, in its words. */
export function editing(...edits: readonly string[]): readonly string[] {
  const sed = `sed ${edits.map((edit) => `-e '${edit}'`).join(' ')}`;
  return [`for word do shift; set -- "$@" "$(printf '%s' "$word" | ${sed})"; done`];
}

/** On TCG: where KVM opens and yet runs no firmware, as in some nested hosts, it is what tests can rely on. */
export async function runOnQemu(app: App, folders: Folders, build: string, more = {}): Promise<string> {
  const base = { name: 'guest', memoryMiB: 64, kernel: folders.kernel, build, accelerator: 'tcg' };
  const document = { ...base, ...more };
  const { status, body } = await call(app, 'POST', '/v1/machines', document);
  if (status !== 201) throw new Error(`expected 201, got ${status} ${JSON.stringify(body)}`);
  await perform(app, `/v1/machines/${body.id}/start`);
  return body.id;
}
