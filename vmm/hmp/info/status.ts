import { queryStatus } from '../../qmp/commands/query-status.js';
import type { StatusInfo } from '../../qmp/protocol.js';
import { qmp } from '../command.js';
import { info } from './info.js';

/** The plain states need no more words. */
const PLAIN = new Set(['running', 'paused']);

export const infoStatus = info('status', 'show the current VM status (running|paused)', async (context) => {
  const { running, status } = await qmp<StatusInfo>(context, queryStatus);
  const more = PLAIN.has(status) ? '' : ` (${status})`;
  return `VM status: ${running ? 'running' : 'paused'}${more}\n`;
});
