import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { renderJson } from '../../../vmm/qmp/render.js';

const test = suite('QMP rendering');

test('puts a space after colons and commas, as QEMU does', () => {
  assert.is(
    renderJson({ return: {}, id: [1, 'a', null, true] }),
    '{"return": {}, "id": [1, "a", null, true]}',
  );
});

test('is ASCII, whatever the text', () => {
  assert.is(renderJson('é€😀\u007f\n"\\'), '"\\u00e9\\u20ac\\ud83d\\ude00\\u007f\\n\\"\\\\"');
  assert.is(JSON.parse(renderJson('é€😀')), 'é€😀');
});

test('shows integers beyond doubles, and leaves undefined members out', () => {
  assert.is(renderJson({ size: 18446744073709551615n, absent: undefined }), '{"size": 18446744073709551615}');
});

test('indents for people when asked', () => {
  assert.is(
    renderJson({ a: [1, 2], b: {} }, 4),
    '{\n    "a": [\n        1,\n        2\n    ],\n    "b": {}\n}',
  );
});

test.run();
