/** Writes how operations of one machine begin and end, always together with the event that says so. */
import { BatonError, messageOf, type ProblemBody, problemBody } from '../errors.js';
import type { Operation, OperationKind } from '../operation.js';
import type { Store } from '../store/store.js';
import type { Outcome } from '../upgrade/engine.js';
import { UPGRADE_REASONS, type Upgrade } from '../upgrade.js';

export class OperationLog {
  readonly #store: Store;
  readonly #machineId: string;

  constructor(store: Store, machineId: string) {
    this.#store = store;
    this.#machineId = machineId;
  }

  begin(kind: OperationKind, id: string, alsoWrite: () => void): Operation {
    return this.#store.durably(() => {
      const { operations } = this.#store;
      const operation = operations.insert({ id, kind, machineId: this.#machineId });
      alsoWrite();
      this.#store.idempotency.made(`operations/${id}`);
      const data = { operation: id, kind };
      this.#store.emit({ type: 'baton.operation.started', subject: this.#subject, data });
      return operations.byId(id) ?? operation;
    });
  }

  end(
    { id, kind }: Operation,
    state: 'succeeded' | 'failed' | 'cancelled',
    error: ProblemBody | null,
  ): Operation {
    return this.#store.durably(() => {
      const ended = this.#store.operations.finish(id, state, error);
      const data = { operation: id, kind, state, code: error?.code ?? null };
      this.#store.emit({ type: 'baton.operation.finished', subject: this.#subject, data });
      return ended;
    });
  }

  /** Inside the transaction that ends the upgrade: which instance is the machine, and the operation's end. */
  endUpgrade(operation: Operation, upgrade: Upgrade, { state, reason }: Outcome): void {
    const { committed, restoredGeneration } = this.#store.upgrades.byId(upgrade.id) ?? upgrade;
    const leftGeneration = restoredGeneration ?? upgrade.sourceGeneration;
    const currentGeneration = committed ? upgrade.targetGeneration : leftGeneration;
    this.#store.machines.update(this.#machineId, { currentGeneration });
    if (state === 'succeeded') {
      this.end(operation, 'succeeded', null);
      return;
    }
    const code = state === 'failed' ? 'upgrade_failed' : 'upgrade_rolled_back';
    const details = { upgrade: `/v1/upgrades/${upgrade.id}`, reason };
    const error = problemBody(new BatonError(code, reason?.message ?? state, { details }));
    this.end(operation, state === 'cancelled' ? 'cancelled' : 'failed', error);
  }

  /** For an upgrade that could not even be taken up. */
  abandonUpgrade(operation: Operation, upgrade: Upgrade, message: string): void {
    const code = 'internal_error';
    const reason = { code, message, remedy: UPGRADE_REASONS[code], step: null, vmmOutput: [] } as const;
    this.#store.durably(() => {
      this.#store.upgrades.finish(upgrade.id, 'failed', reason);
      this.endUpgrade(operation, upgrade, { state: 'failed', reason });
    });
  }

  get #subject(): string {
    return `machines/${this.#machineId}`;
  }
}

/** What an operation ended with, in the form that is stored and shown. */
export function toProblem(error: unknown): ProblemBody {
  if (error instanceof BatonError) return problemBody(error);
  return problemBody(new BatonError('vmm_failed', messageOf(error), { cause: error }));
}
