/** Programs on QEMU's Python library: what they print must not depend on the VMM they speak with. */

export const ASYNC_SCRIPT = `
import asyncio, json, sys
from qemu.qmp import QMPClient, EventListener, ExecuteError, ConnectError

async def main(path):
    client = QMPClient('first')
    with client.listener(('STOP', 'RESUME')) as listener:
        await client.connect(path)
        print('greeted', sorted(client.greeting.QMP.version.keys()))
        print('status', json.dumps(await client.execute('query-status'), sort_keys=True))
        await client.execute('stop')
        await client.execute('cont')
        names = [(await listener.get())['event'], (await listener.get())['event']]
        print('events', *names)
    many = await asyncio.gather(*[client.execute('query-status') for _ in range(100)])
    print('many', len(many), {answer['status'] for answer in many})
    for command, arguments in (
        ('no-such-command', None),
        ('qom-get', {'path': '/nowhere', 'property': 'type'}),
        ('qom-get', {'path': 5}),
        ('query-status', {'surplus': True}),
        ('qmp_capabilities', None),
    ):
        try:
            await client.execute(command, arguments)
            print('not refused', command)
        except ExecuteError as refusal:
            print('refused', refusal.error_class, refusal)
    reply = await client.execute_msg(client.make_execute_msg('query-status'))
    print('message', reply['running'])
    raw = await client._raw(b'{"execute": "query-name", "id": "caf\\\\u00e9"}', assign_id=False)
    print('id', raw['id'], raw['return'])
    await client.disconnect()
    again = QMPClient('second')
    await again.connect(path)
    print('again', (await again.execute('query-status'))['status'])
    with again.listener('STOP') as listener:
        await again.execute('stop')
        event = await listener.get()
        print('stamped', sorted(event['timestamp'].keys()))
    await again.disconnect()
    try:
        await QMPClient('nobody').connect(path + '.absent')
    except ConnectError as failure:
        print('absent', type(failure.exc).__name__)

asyncio.run(main(sys.argv[1]))
`;

export const LEGACY_SCRIPT = `
import json, sys
from qemu.qmp.legacy import QEMUMonitorProtocol, QMPBadPortError

print('address', QEMUMonitorProtocol.parse_address(sys.argv[1]) == sys.argv[1])
monitor = QEMUMonitorProtocol(sys.argv[1])
greeting = monitor.connect()
print('greeted', list(greeting.keys()))
print('status', monitor.cmd('query-status')['status'])
monitor.cmd('stop')
print('event', monitor.pull_event(wait=10.0)['event'])
monitor.cmd('cont')
print('raw', json.dumps(monitor.cmd_raw('no-such-command')['error'], sort_keys=True))
print('with arguments', monitor.cmd('qom-get', path='/machine', property='type'))
print('queue', [event['event'] for event in monitor.get_events(wait=True)])
monitor.clear_events()
print('empty', monitor.get_events(wait=False))
monitor.settimeout(5.0)
print('object', json.dumps(monitor.cmd_obj({'execute': 'query-name', 'id': 'seven'}), sort_keys=True))
monitor.close()
with QEMUMonitorProtocol(sys.argv[1]) as second:
    second.connect(negotiate=True)
    print('second', second.cmd('query-status')['running'])
`;
