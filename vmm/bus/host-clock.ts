/** The host's clocks. CLOCK_MONOTONIC is the same for every process of the host, which a hand-over needs. */
export interface HostClock {
  /** CLOCK_MONOTONIC in nanoseconds. */
  monotonicNs(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
}

export const HOST_CLOCK: HostClock = {
  monotonicNs: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1e9 + nanoseconds;
  },
  wallMs: () => Date.now(),
};
