/** A place in a machine's console: a byte of what the guest wrote while one generation ran it. Pure. */
export interface ConsolePosition {
  readonly generation: number;
  /** Bytes that the guest wrote in this generation before it. */
  readonly offset: number;
}

export const CONSOLE_POSITION = '^[1-9][0-9]{0,8}:(0|[1-9][0-9]{0,14})$';

/** `text` matches `CONSOLE_POSITION`. */
export function parsePosition(text: string): ConsolePosition {
  const [generation, offset] = text.split(':');
  return { generation: Number(generation), offset: Number(offset) };
}

export function formatPosition({ generation, offset }: ConsolePosition): string {
  return `${generation}:${offset}`;
}
