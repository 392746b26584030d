import { Semaphore, Speedometer, missingParts, partsOf } from '../parts';

describe('the parts of a file', () => {
  it('cover every byte once', () => {
    expect(partsOf(25, 10)).toEqual([
      { number: 1, start: 0, end: 10 },
      { number: 2, start: 10, end: 20 },
      { number: 3, start: 20, end: 25 }
    ]);
    expect(partsOf(20, 10)).toHaveLength(2);
    expect(partsOf(0, 10)).toEqual([]);
  });

  it('are sent again when they did not arrive, or not whole', () => {
    const arrived = [
      { number: 1, etag: 'e', size: 10 },
      { number: 2, etag: 'e', size: 7 }
    ];
    expect(missingParts(partsOf(25, 10), arrived).map(part => part.number)).toEqual([2, 3]);
  });
});

describe('the speed', () => {
  it('is that of the last seconds, and never negative', () => {
    const meter = new Speedometer(1000);
    expect(meter.speed(0)).toBe(0);
    meter.note(0, 0);
    meter.note(1000, 1_000_000);
    expect(meter.speed(1000)).toBe(1_000_000);
    meter.note(2000, 1_000_000);
    meter.note(3000, 1_000_000);
    expect(meter.speed(3000)).toBe(0);
    meter.note(3500, 0);
    expect(meter.speed(3500)).toBe(0);
  });
});

describe('a semaphore', () => {
  it('lets so many run at once, the others in turn, also after a failure', async () => {
    const places = new Semaphore(2);
    const running: string[] = [];
    const ends: (() => void)[] = [];
    const task = (name: string) =>
      places.run(async () => {
        running.push(name);
        await new Promise<void>(resolve => ends.push(resolve));
        if (name === 'a') {
          throw new Error('a failed');
        }
      });
    const all = Promise.allSettled(['a', 'b', 'c'].map(task));
    await Promise.resolve();
    expect(running).toEqual(['a', 'b']);
    ends[0]!();
    await new Promise(resolve => setTimeout(resolve));
    expect(running).toEqual(['a', 'b', 'c']);
    ends.slice(1).forEach(end => end());
    expect((await all).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  });
});
