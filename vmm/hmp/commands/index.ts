/** The one list of all commands of the human monitor. */
import type { HmpCommand } from '../command.js';
import { infoHotpluggableCpus, infoIothreads, infoKvm, infoMemoryDevices, infoNuma } from '../info/absent.js';
import { infoBalloon } from '../info/balloon.js';
import { infoBlock, infoBlockstats } from '../info/block.js';
import { infoMtree, infoQtree } from '../info/board.js';
import { infoCpus } from '../info/cpus.js';
import { infoChardev } from '../info/host-side.js';
import { infoName, infoUuid, infoVersion } from '../info/identity.js';
import { infoMemdev, infoMemorySizeSummary } from '../info/memory.js';
import { infoMigrate, infoMigrateCapabilities, infoMigrateParameters } from '../info/migrate.js';
import { infoNetwork } from '../info/network.js';
import { infoRegisters } from '../info/registers.js';
import { infoStatus } from '../info/status.js';
import { balloon } from './balloon.js';
import { blockResize } from './block.js';
import { closefd, getfd } from './descriptors.js';
import {
  chardevAdd,
  chardevRemove,
  deviceAdd,
  deviceDel,
  netdevAdd,
  netdevDel,
  objectAdd,
  objectDel,
} from './hot-plug.js';
import {
  migrate,
  migrateCancel,
  migrateIncoming,
  migrateSetCapability,
  migrateSetParameter,
} from './migrate.js';
import { setLink } from './network.js';
import { qomGet, qomList, qomSet } from './qom.js';
import { cont, quit, stop, systemPowerdown, systemReset } from './run-state.js';

/** What `info` can show. */
export const INFOS: readonly HmpCommand[] = [
  infoBalloon,
  infoBlock,
  infoBlockstats,
  infoChardev,
  infoCpus,
  infoHotpluggableCpus,
  infoIothreads,
  infoKvm,
  infoMemdev,
  infoMemoryDevices,
  infoMemorySizeSummary,
  infoMigrate,
  infoMigrateCapabilities,
  infoMigrateParameters,
  infoMtree,
  infoName,
  infoNetwork,
  infoNuma,
  infoQtree,
  infoRegisters,
  infoStatus,
  infoUuid,
  infoVersion,
];

export const COMMANDS: readonly HmpCommand[] = [
  closefd,
  blockResize,
  balloon,
  cont,
  getfd,
  migrate,
  migrateCancel,
  migrateIncoming,
  migrateSetCapability,
  migrateSetParameter,
  qomGet,
  qomList,
  qomSet,
  quit,
  setLink,
  stop,
  systemPowerdown,
  systemReset,
  chardevAdd,
  chardevRemove,
  deviceAdd,
  deviceDel,
  netdevAdd,
  netdevDel,
  objectAdd,
  objectDel,
];
