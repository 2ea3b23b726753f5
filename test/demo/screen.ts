/** Compact terminal output: aligned labels, colour only on a terminal that wants it. */
import { styleText } from 'node:util';

const LABEL_WIDTH = 12;

const colourful = process.stdout.isTTY === true && !process.env.NO_COLOR;

function paint(style: 'bold' | 'dim' | 'green' | 'red' | 'cyan', text: string): string {
  return colourful ? styleText(style, text) : text;
}

export function title(text: string): void {
  console.log(`\n${paint('bold', text)}\n`);
}

export function line(label: string, text: string): void {
  console.log(`  ${paint('cyan', label.padEnd(LABEL_WIDTH))} ${text}`);
}

export function phase(name: string, atMs: number, tookMs: number | null): void {
  const took = tookMs === null ? '' : `${tookMs.toFixed(1)} ms`;
  console.log(paint('dim', `    ${name.padEnd(20)} at ${String(atMs).padStart(5)} ms ${took.padStart(12)}`));
}

export function success(text: string): void {
  console.log(`  ${paint('green', '✔')} ${text}`);
}

export function failure(text: string): void {
  console.error(`  ${paint('red', '✘')} ${text}`);
}
