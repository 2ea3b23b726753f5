/**
 * Who we are. `qemu` in the version object is the level of QEMU's interface (QMP wording, command line,
 * migration streams) that we follow; our own version is in `package`.
 */
import { readFileSync } from 'node:fs';
import type { VersionInfo } from './qmp/protocol.js';

/** Seen from dist/vmm/. */
const MANIFEST = new URL('../../package.json', import.meta.url);

export const VERSION: string = (JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string }).version;

export const VERSION_INFO: VersionInfo = {
  qemu: { major: 11, minor: 1, micro: 0 },
  package: `baton-vmm ${VERSION}`,
};
