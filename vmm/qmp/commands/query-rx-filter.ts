import type { NicReport } from '../../net/report.js';
import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';

const RECEPTION = { enum: ['normal', 'none', 'all'] } as const;

/**
 * What frames the network devices receive: all of them, or the one of that name. The next change of what is shown is
 * told by NIC_RX_FILTER_CHANGED.
 *
 * Errors: there is no network device of that name.
 * Since: 0.1
 *
 *     -> { "execute": "query-rx-filter", "arguments": { "name": "nic0" } }
 *     <- { "return": [ { "promiscuous": false, "name": "nic0", "main-mac": "52:54:00:12:34:56",
 *          "unicast": "normal", "vlan": "normal", "vlan-table": [ 0 ], "unicast-table": [],
 *          "multicast": "normal", "multicast-overflow": false, "unicast-overflow": false,
 *          "multicast-table": [ "01:00:5e:00:00:01" ], "broadcast-allowed": true } ] }
 */
export const queryRxFilter = defineCommand({
  name: 'query-rx-filter',
  args: { name: { type: 'str', optional: true } },
  returns: {
    array: {
      struct: {
        name: { type: 'str' },
        promiscuous: { type: 'bool' },
        multicast: { type: RECEPTION },
        unicast: { type: RECEPTION },
        vlan: { type: RECEPTION },
        'broadcast-allowed': { type: 'bool' },
        'multicast-overflow': { type: 'bool' },
        'unicast-overflow': { type: 'bool' },
        'main-mac': { type: 'str' },
        'vlan-table': { type: { array: 'int' } },
        'unicast-table': { type: { array: 'str' } },
        'multicast-table': { type: { array: 'str' } },
      },
    },
  },
  run: async ({ vm }, { name }) => {
    const { nics, netdevs } = await vm.network({ kind: 'report' });
    const wanted = nics.filter((nic) => name === undefined || nic.name === name);
    if (name !== undefined && wanted.length === 0) {
      const isNetdev = netdevs.some(({ id }) => id === name);
      throw new QmpError(isNetdev ? `net client(${name}) isn't a NIC` : `invalid net client name: ${name}`);
    }
    await vm.network({ kind: 'filters', nics: wanted.map((nic) => nic.name) });
    return wanted.map(shown);
  },
});

function shown({ name, filter }: NicReport) {
  return {
    promiscuous: filter.promiscuous,
    name,
    'main-mac': filter.mainMac,
    unicast: filter.unicast,
    vlan: filter.vlan,
    'vlan-table': filter.vlanTable,
    'unicast-table': filter.unicastTable,
    multicast: filter.multicast,
    'multicast-overflow': filter.multicastOverflow,
    'unicast-overflow': filter.unicastOverflow,
    'multicast-table': filter.multicastTable,
    'broadcast-allowed': filter.broadcastAllowed,
  };
}
