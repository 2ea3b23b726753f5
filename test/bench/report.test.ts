import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Comparison, Goal } from './benchmark.js';
import { judge, render } from './report.js';

const test = suite('bench report');

function comparison(subject: number[], reference: number[] | null, goal: Goal | null): Comparison {
  return {
    what: 'a thing',
    unit: 'ms',
    subject: { name: 'ours', values: subject },
    reference: reference === null ? null : { name: 'theirs', values: reference },
    goal,
  };
}

test('ratios are of medians and of 99th percentiles', () => {
  const report = judge(comparison([1, 2, 30], [4, 4, 10], null));
  assert.is(report.ratioOfMedians, 0.5);
  assert.is(report.ratioOfP99s, 3);
  assert.is(report.reached, null);
});

const GOALS: readonly [Goal, number[], number[], boolean][] = [
  [{ kind: 'ratio-at-most', value: 0.5 }, [2], [4], true],
  [{ kind: 'ratio-at-most', value: 0.5 }, [3], [4], false],
  [{ kind: 'ratio-at-least', value: 0.5 }, [2], [4], true],
  [{ kind: 'ratio-at-least', value: 0.5 }, [1], [4], false],
  [{ kind: 'difference-at-most', value: 2 }, [6], [4], true],
  [{ kind: 'difference-at-most', value: 2 }, [7], [4], false],
];
for (const [goal, subject, reference, reached] of GOALS) {
  test(`${goal.kind} ${goal.value} is ${reached ? 'reached' : 'missed'} by ${subject} against ${reference}`, () => {
    const report = judge(comparison(subject, reference, goal));
    assert.is(report.reached, reached);
    assert.match(render(report), reached ? 'reached' : 'MISSED');
  });
}

test('a goal for the 99th percentile needs no reference, the others do', () => {
  assert.is(judge(comparison([1, 9], null, { kind: 'p99-at-most', value: 5 })).reached, false);
  assert.is(judge(comparison([1, 4], null, { kind: 'p99-at-most', value: 5 })).reached, true);
  assert.throws(
    () => judge(comparison([1], null, { kind: 'ratio-at-most', value: 1 })),
    /expected a reference/,
  );
});

test('the lines name both sides, the runs and the goal', () => {
  const text = render(judge(comparison([1.234], [2.5], { kind: 'ratio-at-most', value: 0.5 })));
  assert.match(text, /ours +median +1\.23 .*\(1 runs\)/);
  assert.match(text, /theirs +median +2\.50/);
  assert.match(text, '→ ratio 0.49 ×, p99 0.49 ×, goal ≤ 0.5 ×: reached');
});

test.run();
