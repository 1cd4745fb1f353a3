/** Calls in Debian's kernel: hooks count the same ones, from the same callers. */
import { join } from 'node:path';
import test from 'ava';
import { traceCalls } from '../../src/output/calls/trace-calls.ts';
import { guestMap } from '../../src/output/map/make-map.ts';
import { hookedEntries, tracedEntries } from '../output/calls/witness.ts';
import { debianGuest } from '../support/debian.ts';
import { temporaryFolder } from '../support/probe.ts';
import { recordGuest } from '../support/record-guest.ts';

const FUNCTIONS =
  /^(__ia32_sys_|ksys_|vfs_|do_|exc_|irq_|__schedule$|schedule|copy_|dput$|filemap_|path_|link_|try_to|n_tty_|mm|exit_)/;
/** Entered by an interrupt: what is on the stack is no return address. */
const ENTRIES = /^exc_|^handle_/;

test('Debian: hooks count the same calls of a thousand kernel functions, from the same callers', async (t) => {
  t.timeout(900_000);
  const output = join(temporaryFolder(t), 'calls.rebek');
  const { machine, images } = await debianGuest();
  const { console, finish } = await recordGuest(t, { machine, images, output });
  await console.logIn();
  await console.run('i=0; while [ $i -lt 50 ]; do i=$((i+1)); cat /etc/hostname >/dev/null; done');
  await console.run('sh -c \'trap "echo got" USR1; kill -USR1 $$; echo after\'; ls -lR /etc | gzip | wc -c');
  const { instructions } = await finish();
  const map = await guestMap(output, { cache: false });
  const traced = await traceCalls(output, map, {});
  t.is(traced.instructions, instructions);
  const [kernel] = map.kernelModules;
  const { names, offsets } = map.symbols[kernel!.symbols!]!;
  const chosen = [...offsets].filter((_, i) => FUNCTIONS.test(names[i]!));
  const addresses = [...new Set(chosen)].map((offset) => kernel!.base + offset);
  const expected = await hookedEntries(output, traced.places, addresses);
  const found = tracedEntries(traced, addresses);
  let calls = 0;
  let callers = 0;
  const different: string[] = [];
  for (const key of new Set([...expected.keys(), ...found.keys()])) {
    const [caller, callee] = key.split(' < ');
    if (callee !== undefined && ENTRIES.test(callee)) continue;
    if (found.get(key) !== expected.get(key))
      different.push(`${key}: hooks ${expected.get(key)}, calls ${found.get(key)}`);
    if (callee === undefined) calls += found.get(caller!) ?? 0;
    else callers++;
  }
  t.deepEqual(different, []);
  t.log(`${addresses.length} functions, ${calls} calls, ${callers} pairs; ${JSON.stringify(traced.doubts)}`);
  t.true(calls > 100_000 && callers > 100);
  t.true(traced.doubts.contradicted < 10);
  t.true(traced.doubts.undecoded < traced.doubts.blocks / 1000);
});
