/** How much memory the guest has. */
import { queryBalloon } from '../../qmp/commands/query-balloon.js';
import { qmp } from '../command.js';
import { info } from './info.js';

const MIB = 2 ** 20;

export const infoBalloon = info('balloon', 'show balloon information', async (context) => {
  const { actual } = await qmp<{ actual: number }>(context, queryBalloon);
  return `balloon: actual=${Math.floor(actual / MIB)}\n`;
});
