/**
 * baton-vmm with a guest agent of the test's choice at the port of its guest: the port is taken off the command line
 * and served by the process itself, so that it comes and goes with the VMM, and what the guest is stays.
 */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Folders } from '../fixture.js';
import { type AgentBehaviour, type Asked, readAsked, serveAgent } from './fake-agent.js';

const PORT = /^socket,id=agent0,path=([^,]+),server=on,wait=off$/;
const OF_PORT = /^(socket,id=agent0,|\{"driver":"virtio-serial-device"|\{"driver":"virtserialport")/;

export interface AgentVmm {
  readonly behaviour: AgentBehaviour;
  readonly toldAt: string;
  /** The real one. */
  readonly vmm: string;
}

export async function run({ behaviour, toldAt, vmm }: AgentVmm): Promise<void> {
  const words = process.argv.slice(2);
  const path = words.map((word) => PORT.exec(word)?.[1]).find((found) => found !== undefined);
  const left = words.filter((word, at) => !OF_PORT.test(word) && !OF_PORT.test(words[at + 1] ?? ''));
  process.argv.splice(1, process.argv.length, vmm, ...left);
  if (path !== undefined && !path.includes('/trial/')) serveAgent(path, behaviour, toldAt);
  await import(pathToFileURL(vmm).href);
}

/** How long a daemon waits for an agent that does answer: the machine may be busy with other tests. */
export const PATIENT = { 'guest-agent': 20_000, 'guest-notice': 10_000 };

/** Returns its path, for a build. */
export function writeAgentVmm(folders: Folders, name: string, behaviour: AgentBehaviour): string {
  const path = `${folders.path}/${name}.mjs`;
  const options: AgentVmm = { behaviour, toldAt: toldAt(folders), vmm: folders.vmm };
  writeFileSync(
    path,
    `import { run } from ${JSON.stringify(import.meta.url)};\nawait run(${JSON.stringify(options)});\n`,
  );
  return path;
}

function toldAt({ path }: Folders): string {
  return `${path}/asked`;
}

/** What the guest was asked for, by all VMMs of the folders. */
export function askedOf(folders: Folders): Asked[] {
  return readAsked(toldAt(folders));
}
