/** Every guest with its default parameters: the one list of them. */
import { echo } from './echo.js';
import type { GuestImage } from './image.js';
import { linuxTicker } from './linux-ticker.js';
import { loops } from './loops.js';
import { spin } from './spin.js';
import { ticker } from './ticker.js';

export function allGuests(): GuestImage[] {
  return [ticker(), linuxTicker(), spin(), loops(), echo()];
}
