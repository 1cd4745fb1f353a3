import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import fc from 'fast-check';
import { RebekError } from '../../src/base/errors.ts';
import { CodecError, chooseCodec, codecNames, loadCodec } from '../../src/trace/codec.ts';
import { noise, scratch } from './support.ts';

const codecs = codecNames.flatMap((name) => {
  try {
    return [loadCodec(name)];
  } catch {
    return []; // lz4 is optional; lz4-napi is not
  }
});
const pairs = codecs.flatMap((writer) => codecs.map((reader) => ({ writer, reader })));
const names = ({ writer, reader }: (typeof pairs)[number]) => `${writer.name} → ${reader.name}`;

test('the prebuilt codec is there', (t) => {
  t.true(codecs.some((codec) => codec.name === 'lz4-napi'));
});

for (const pair of pairs) {
  const { writer, reader } = pair;
  test(`${names(pair)}: what one writes, the other reads`, (t) => {
    const same = (plain: Uint8Array) => {
      const back = reader.decode(writer.encode(plain), plain.length);
      t.is(Buffer.compare(back, plain), 0, `${plain.length} bytes`);
    };
    for (const length of [0, 1, 2, 12, 13, 64, 255, 4096, 65_535, 65_536, 1 << 20]) {
      same(new Uint8Array(length));
      same(noise(length));
      same(Buffer.from('all work and no play '.repeat(length / 20 + 1)).subarray(0, length));
    }
    // a view into the middle of something larger
    same(noise(5000).subarray(1001, 3007));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 1, max: 300 }), (bytes, times) => {
        const plain = new Uint8Array(bytes.length * times);
        for (let i = 0; i < times; i++) plain.set(bytes, i * bytes.length);
        return Buffer.compare(reader.decode(writer.encode(plain), plain.length), plain) === 0;
      }),
    );
  });
}

for (const codec of codecs) {
  test(`${codec.name}: another length than the block has is refused, whatever it is`, (t) => {
    const plain = Buffer.from('hello '.repeat(100));
    const block = codec.encode(plain);
    for (const length of [0, 1, 599, 601, 6000, 0x7fffffff, 0xffffffff, -1, 1.5, Number.NaN])
      t.throws(() => codec.decode(block, length), { instanceOf: CodecError }, String(length));
    t.throws(() => codec.decode(new Uint8Array(0), 0), { instanceOf: CodecError });
    t.throws(() => codec.decode(new Uint8Array(0), 1), { instanceOf: CodecError });
  });

  test(`${codec.name}: a lie about the length allocates nothing`, (t) => {
    // refused by arithmetic, before a library is asked for that much memory
    for (const length of [40 * 255 + 1, 1 << 30])
      t.throws(() => codec.decode(new Uint8Array(40), length), {
        instanceOf: CodecError,
        message: `40 bytes of LZ4 cannot expand to ${length}`,
      });
    t.throws(() => codec.decode(new Uint8Array(40), 40 * 255), { message: /^(?!.*cannot expand)/ });
  });

  test(`${codec.name}: memory does not grow while the event loop turns`, async (t) => {
    const plain = noise(1 << 20);
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 400; i++) {
      codec.decode(codec.encode(plain), plain.length);
      await new Promise(setImmediate);
    }
    t.true(process.memoryUsage.rss() - before < 300e6);
  });

  test(`${codec.name}: garbage gives an error or bytes of the right length, nothing else`, (t) => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(5000), (block, length) => {
        try {
          return codec.decode(block, length).length === length;
        } catch (error) {
          return error instanceof CodecError;
        }
      }),
      { numRuns: 500 },
    );
    t.pass();
  });
}

test('a codec can be asked for, and only one that exists', (t) => {
  t.is(chooseCodec('lz4-napi').codec.name, 'lz4-napi');
  t.is(chooseCodec('').codec.name, chooseCodec(undefined).codec.name);
  const error = t.throws(() => chooseCodec('zstd'), { instanceOf: RebekError, code: 'ERR_CODEC' });
  t.regex(error.message, /REBEK_CODEC.*'zstd'/);
  t.regex(error.hint ?? '', /lz4 or lz4-napi/);
});

const codecModule = new URL('../../src/trace/codec.js', import.meta.url).href;
const report = `import { codecChoice } from ${JSON.stringify(codecModule)};
try { const { codec, reason } = codecChoice(); console.log(codec.name + ': ' + reason); }
catch (error) { console.log(error.code + ': ' + error.message); }`;

function choiceIn(t: Parameters<typeof scratch>[0], env: Record<string, string>, missing: string[]): string {
  const stub = join(scratch(t), 'stub.cjs');
  writeFileSync(
    stub,
    `const Module = require('node:module'); const load = Module._load;
    Module._load = function (name, ...rest) {
      if (${JSON.stringify(missing)}.includes(name)) throw new Error(name + ' was not built\\nmore');
      return load.call(this, name, ...rest);
    };`,
  );
  const run = spawnSync(
    process.execPath,
    ['--import', pathToFileURL(stub).href, '--input-type=module', '-e', report],
    { encoding: 'utf8', env: { ...process.env, REBEK_CODEC: '', ...env } },
  );
  return run.stdout.trim() || run.stderr;
}

test('REBEK_CODEC decides for the process', (t) => {
  t.regex(choiceIn(t, { REBEK_CODEC: 'lz4-napi' }, []), /^lz4-napi: .*REBEK_CODEC/);
  t.regex(choiceIn(t, { REBEK_CODEC: 'gzip' }, []), /^ERR_CODEC: .*'gzip'/);
});

test('if the native codec does not load, the prebuilt one takes over and says why', (t) => {
  t.is(choiceIn(t, {}, ['lz4']), 'lz4-napi: lz4 does not load: lz4 was not built');
  t.regex(choiceIn(t, { REBEK_CODEC: 'lz4' }, ['lz4']), /^ERR_CODEC: .*'lz4'.*was not built/);
  t.regex(choiceIn(t, {}, ['lz4', 'lz4-napi']), /^ERR_CODEC: no LZ4 library loads/);
});
