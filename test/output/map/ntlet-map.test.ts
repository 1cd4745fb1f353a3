/** The guest map of ntlet's sample traces, against what ntlet's kernel itself says of its threads, processes and functions. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import test from 'ava';
import { readTruth } from '../../../src/guest/ntlet/truth.ts';
import type { TruthRecord } from '../../../src/guest/ntlet/truth-record.ts';
import type { GuestMap } from '../../../src/output/map/guest-map.ts';
import { guestMap } from '../../../src/output/map/make-map.ts';
import { GuestPlaces } from '../../../src/output/map/places.ts';
import { selectProcesses } from '../../../src/output/map/select.ts';
import { root } from '../../support/probe.ts';

const attack = join(root, 'traces/ntlet-attack.rebek');
const stress = join(root, 'traces/ntlet-stress.rebek');
/** The kernel tells of a thing some instructions before or after it does it. */
const NEAR = 3000;

const cache = mkdtempSync(join(tmpdir(), 'rebek-map-'));
process.env['REBEK_CACHE'] = cache;
test.after.always(() => rmSync(cache, { recursive: true }));

function told(path: string): TruthRecord[] {
  const truth = readTruth(path);
  const records = [...truth];
  truth.close();
  return records;
}

const kinds = <K extends TruthRecord['kind']>(records: readonly TruthRecord[], kind: K) =>
  records.filter((record): record is Extract<TruthRecord, { kind: K }> => record.kind === kind);

const maps = new Map<string, Promise<GuestMap>>();
function mapOf(path: string): Promise<GuestMap> {
  const map = maps.get(path) ?? guestMap(path, { cache: false });
  maps.set(path, map);
  return map;
}

for (const [name, path] of Object.entries({ attack, stress })) {
  test(`${name}: the threads run in the order and at the times that the kernel tells`, async (t) => {
    const map = await mapOf(path);
    const records = told(path);
    const tids = new Map(kinds(records, 'thread-start').map(({ thread, threadId }) => [thread, threadId]));
    const { at, who } = map.switches;
    const first = at[0]!;
    const expected = kinds(records, 'switch').filter(({ instruction }) => instruction > first + NEAR);
    const found = [...at].map((instruction, i) => ({ instruction, thread: map.threads[who[i]! - 1]! }));
    const later = found.filter(({ instruction }) => instruction > first + NEAR);
    t.true(expected.length > 50, `${expected.length} switches`);
    t.deepEqual(
      later.map(({ thread }) => thread.tid),
      expected.map(({ thread }) => tids.get(thread)),
    );
    for (const [i, { instruction }] of expected.entries()) {
      const distance = Math.abs(later[i]!.instruction - instruction);
      t.true(distance < NEAR, `switch ${i}: ${distance} instructions apart`);
    }
    // Asked in order, and in any.
    const [places, anyhow] = [new GuestPlaces(map), new GuestPlaces(map)];
    for (const { instruction, thread } of found) {
      t.is(places.threadAt(instruction), thread);
      anyhow.threadAt(instruction ^ 0x5555);
      t.is(anyhow.threadAt(instruction), thread);
    }
  });

  test(`${name}: processes live from their beginning to their end`, async (t) => {
    const map = await mapOf(path);
    const records = told(path);
    const owner = new Map(kinds(records, 'thread-start').map(({ thread, process }) => [thread, process]));
    const firstRun = new Map<number, number>();
    for (const { thread, instruction } of kinds(records, 'switch')) {
      const process = owner.get(thread)!;
      if (!firstRun.has(process)) firstRun.set(process, instruction);
    }
    const ends = new Map(
      kinds(records, 'process-end').map(({ process, instruction }) => [process, instruction]),
    );
    // Those that never ran are not all known.
    const expected = kinds(records, 'process-start').filter(
      ({ processId, process }) => processId !== 0 && firstRun.has(process),
    );
    t.true(expected.length > 5);
    const left = map.processes.filter(({ pid }) => pid !== 0);
    let ended = 0;
    for (const { process, processId, cr3, name: image, instruction } of expected) {
      const at = left.findIndex(({ pid }) => pid === processId);
      const [found] = at < 0 ? [] : left.splice(at, 1);
      t.is(found?.name.toLowerCase(), image.toLowerCase(), `${processId}`);
      if (found === undefined) continue;
      t.is(found.asid, cr3);
      t.true(found.from > instruction - NEAR && found.from < firstRun.get(process)! + NEAR, image);
      const end = ends.get(process);
      if (end === undefined) t.is(found.to, map.instructions);
      else {
        ended++;
        // It ends when its last thread does, or when another one is seen in its place.
        t.true(found.to > end - NEAR, `${processId} ${image}: ${found.to}, not ${end}`);
        t.true(found.to < end + 500_000, `${processId} ${image}: ${found.to}, not ${end}`);
      }
    }
    t.deepEqual(
      left.map(({ name: image }) => image).filter((image) => image !== 'System'),
      [],
    );
    t.true(ended > 0);
  });

  test(`${name}: every function of the kernel is found by its address, and by its name`, async (t) => {
    const map = await mapOf(path);
    const places = new GuestPlaces(map);
    const functions = kinds(told(path), 'function').filter(({ shape }) => shape.mode === 'kernel');
    t.true(functions.length > 50);
    const named = functions.filter(({ name: fn, address }) => {
      const found = places.symbolAt(address, undefined, map.instructions - 1);
      if (found === undefined || found.offset !== 0) return false;
      t.is(found.module, 'ntoskrnl.exe');
      t.true(
        places.symbols(fn).some((symbol) => symbol.address === address),
        fn,
      );
      t.is(places.symbolAt(address + 1, undefined, map.instructions - 1)?.offset, 1);
      // Zw… is another name of the stub, and some functions share their code.
      return found.name === fn || places.symbols(found.name).length > 0;
    });
    const services = functions.filter(({ name: fn }) => fn.startsWith('Nt'));
    t.true(named.length >= services.length, `${named.length} of ${functions.length}`);
  });
}

test('each program has its image and ntdll, where they are, from before its first instruction', async (t) => {
  const map = await mapOf(attack);
  const users = map.processes.filter(({ modules }) => modules.length > 0);
  t.true(users.length > 8);
  for (const { pid, name, modules, from } of users) {
    t.deepEqual(
      modules.map(({ base, name: module }) => `${base.toString(16)} ${module.toLowerCase()}`),
      [`400000 ${name.toLowerCase()}`, '7c900000 ntdll.dll'],
      `${pid}`,
    );
    for (const module of modules) t.is(module.from, from);
  }
  const places = new GuestPlaces(map);
  const stubs = places.symbols('ntdll!NtReadFile');
  t.is(stubs.length, users.length);
  const [stub] = stubs;
  t.is(places.symbolAt(stub!.address + 2, stub!.process, stub!.module.from)?.name, 'NtReadFile');
  // In the kernel, and where nobody is known, that address is nothing.
  t.is(places.symbolAt(stub!.address, undefined, stub!.module.from), undefined);
});

test('processes are found by pid, by name without regard to case, and with a star; one that is not there is named', async (t) => {
  const map = await mapOf(attack);
  const pids = (wanted: string): number[] => [...selectProcesses(map, wanted)].map(({ pid }) => pid);
  t.deepEqual(pids('SMSS.EXE'), [8]);
  t.deepEqual(pids('8'), [8]);
  t.true(pids('cmd*').length > 1);
  const error = t.throws(() => pids('explorer.exe'), { message: /'explorer.exe'/ });
  t.true((error as { hint?: string }).hint?.includes('cmd.exe'));
});

test.serial('a map is kept, used again, and made anew where it is damaged', async (t) => {
  const made = await guestMap(attack);
  const [file, more] = readdirSync(join(cache, 'maps'));
  t.true(file !== undefined && more === undefined);
  const path = join(cache, 'maps', file!);
  let replayed = 0;
  const again = (): Promise<GuestMap> => guestMap(attack, { onProgress: () => void replayed++ });
  t.deepEqual(await again(), made);
  t.is(replayed, 0, 'it came from the cache');
  const good = readFileSync(path);
  const flipped = gunzipSync(good);
  flipped[flipped.length >> 1]! ^= 1;
  for (const damaged of [good.subarray(0, good.length / 2), gzipSync(flipped), Buffer.alloc(0)]) {
    writeFileSync(path, damaged);
    replayed = 0;
    t.deepEqual(await again(), made);
    t.true(replayed > 0, 'it was made anew');
    t.deepEqual(readFileSync(path), good);
  }
  t.deepEqual(readdirSync(join(cache, 'maps')), [file], 'nothing else is left there');
});

test.serial('a cache that cannot be written to is no error', async (t) => {
  const blocked = join(cache, 'blocked');
  writeFileSync(blocked, '');
  process.env['REBEK_CACHE'] = blocked;
  try {
    t.deepEqual(await guestMap(attack), await mapOf(attack));
  } finally {
    process.env['REBEK_CACHE'] = cache;
  }
});

test('where no system is found, there is nothing in the map', async (t) => {
  const map = await guestMap(join(root, 'traces/probe.rebek'), { cache: false });
  t.is(map.system, undefined);
  t.deepEqual([map.processes, map.threads, map.kernelModules, map.symbols], [[], [], [], []]);
  t.is(map.switches.at.length, 0);
  t.is(new GuestPlaces(map).processAt(1000), undefined);
  t.is(new GuestPlaces(map).moduleAt(0x80401000, undefined, 1000), undefined);
  t.throws(() => selectProcesses(map, 'init'), { message: /'init'/ });
});
