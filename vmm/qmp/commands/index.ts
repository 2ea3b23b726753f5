/** The one list of all monitor commands. */
import type { Command } from '../command.js';
import { addFd } from './add-fd.js';
import { balloon } from './balloon.js';
import { blockResize } from './block-resize.js';
import { blockdevAdd } from './blockdev-add.js';
import { blockdevDel } from './blockdev-del.js';
import { chardevAdd } from './chardev-add.js';
import { chardevRemove } from './chardev-remove.js';
import { closefd } from './closefd.js';
import { cont } from './cont.js';
import { deviceAdd } from './device-add.js';
import { deviceDel } from './device-del.js';
import { deviceListProperties } from './device-list-properties.js';
import { getfd } from './getfd.js';
import { humanMonitorCommand } from './human-monitor-command.js';
import { migrate } from './migrate.js';
import { migrateCancel } from './migrate-cancel.js';
import { migrateIncoming } from './migrate-incoming.js';
import { migrateSetCapabilities } from './migrate-set-capabilities.js';
import { migrateSetParameters } from './migrate-set-parameters.js';
import { netdevAdd } from './netdev-add.js';
import { netdevDel } from './netdev-del.js';
import { objectAdd } from './object-add.js';
import { objectDel } from './object-del.js';
import { qmpCapabilities } from './qmp-capabilities.js';
import { qomGet } from './qom-get.js';
import { qomList } from './qom-list.js';
import { qomListProperties } from './qom-list-properties.js';
import { qomListTypes } from './qom-list-types.js';
import { qomSet } from './qom-set.js';
import { queryAccelerators } from './query-accelerators.js';
import { queryBalloon } from './query-balloon.js';
import { queryBlock } from './query-block.js';
import { queryBlockstats } from './query-blockstats.js';
import { queryChardev } from './query-chardev.js';
import { queryChardevBackends } from './query-chardev-backends.js';
import { queryCommandLineOptions } from './query-command-line-options.js';
import { queryCommandsOf } from './query-commands.js';
import { queryCpuDefinitions } from './query-cpu-definitions.js';
import { queryCpuModelExpansion } from './query-cpu-model-expansion.js';
import { queryCpusFast } from './query-cpus-fast.js';
import { queryCurrentMachine } from './query-current-machine.js';
import { queryFdsets } from './query-fdsets.js';
import { queryHotpluggableCpus } from './query-hotpluggable-cpus.js';
import { queryIothreads } from './query-iothreads.js';
import { queryKvm } from './query-kvm.js';
import { queryMachines } from './query-machines.js';
import { queryMemdev } from './query-memdev.js';
import { queryMemoryDevices } from './query-memory-devices.js';
import { queryMemorySizeSummary } from './query-memory-size-summary.js';
import { queryMigrate } from './query-migrate.js';
import { queryMigrateCapabilities } from './query-migrate-capabilities.js';
import { queryMigrateParameters } from './query-migrate-parameters.js';
import { queryName } from './query-name.js';
import { queryNamedBlockNodes } from './query-named-block-nodes.js';
import { queryQmpSchemaOf } from './query-qmp-schema.js';
import { queryRxFilter } from './query-rx-filter.js';
import { queryStatus } from './query-status.js';
import { queryTarget } from './query-target.js';
import { queryUuid } from './query-uuid.js';
import { queryVersion } from './query-version.js';
import { quit } from './quit.js';
import { removeFd } from './remove-fd.js';
import { setAction } from './set-action.js';
import { setLink } from './set-link.js';
import { stop } from './stop.js';
import { systemPowerdown } from './system-powerdown.js';
import { systemReset } from './system-reset.js';
import { systemWakeup } from './system-wakeup.js';

const LIST: readonly Command[] = [
  qmpCapabilities,
  queryVersion,
  queryCommandsOf(() => [...COMMANDS.keys()]),
  queryQmpSchemaOf(() => COMMANDS.values()),
  queryStatus,
  queryName,
  queryUuid,
  queryMemdev,
  queryMemorySizeSummary,
  queryCpusFast,
  queryChardev,
  queryTarget,
  queryKvm,
  queryAccelerators,
  queryMachines,
  queryCpuDefinitions,
  queryCpuModelExpansion,
  queryCommandLineOptions,
  queryCurrentMachine,
  queryChardevBackends,
  queryBlock,
  queryNamedBlockNodes,
  queryBlockstats,
  blockResize,
  queryMemoryDevices,
  queryIothreads,
  queryFdsets,
  getfd,
  closefd,
  addFd,
  removeFd,
  queryHotpluggableCpus,
  qomGet,
  qomList,
  qomSet,
  qomListTypes,
  qomListProperties,
  deviceListProperties,
  stop,
  cont,
  quit,
  systemReset,
  systemPowerdown,
  systemWakeup,
  setAction,
  migrate,
  migrateIncoming,
  migrateCancel,
  migrateSetParameters,
  queryMigrateParameters,
  migrateSetCapabilities,
  queryMigrateCapabilities,
  queryMigrate,
  humanMonitorCommand,
  qomSet,
  balloon,
  queryBalloon,
  queryRxFilter,
  setLink,
  objectAdd,
  objectDel,
  chardevAdd,
  chardevRemove,
  netdevAdd,
  netdevDel,
  blockdevAdd,
  blockdevDel,
  deviceAdd,
  deviceDel,
];

export const COMMANDS: ReadonlyMap<string, Command> = new Map(LIST.map((command) => [command.name, command]));
