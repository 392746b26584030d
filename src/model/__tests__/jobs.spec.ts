import { FakeClient, refusal } from '../../__tests__/support/client';
import type { Job } from '../../api/generated';
import { JobsModel } from '../jobs';

function job(more: Partial<Job> = {}): Job {
  return {
    id: 'j1',
    kind: 'delete',
    path: '/data/shared/old/',
    state: 'running',
    done: 0,
    total: null,
    error: null,
    failed: [],
    ...more
  };
}

function setUp() {
  const client = new FakeClient();
  const model = new JobsModel(client);
  const ended: string[] = [];
  model.done.connect((_, { path }) => ended.push(path));
  return { client, ended, model };
}

/** Wait until it is so: on a busy machine too. */
async function until(so: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000 && !so(); turn++) {
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

describe('long operations', () => {
  it('go on by events and leave the list when they are done', () => {
    const { ended, model } = setUp();
    model.follow([job()]);
    model.accept(job({ done: 1000 }));
    expect(model.state.jobs[0]?.done).toBe(1000);
    model.accept(job({ done: 1500, state: 'done' }));
    expect(model.state.jobs).toEqual([]);
    expect(ended).toEqual(['/data/shared/old/']);
    model.dispose();
  });

  it('never go back, whatever order events arrive in, and others are none of ours', () => {
    const { model } = setUp();
    model.follow([job({ done: 5 })]);
    model.accept(job({ done: 3 }));
    model.accept(job({ id: 'of another page', done: 9 }));
    expect(model.state.jobs.map(({ done }) => done)).toEqual([5]);
    model.dispose();
  });

  it('may be done before they are followed', () => {
    const { ended, model } = setUp();
    model.follow([job({ state: 'done' })]);
    expect(ended).toHaveLength(1);
    expect(model.state.jobs).toEqual([]);
    model.dispose();
  });

  it('are asked for when events do not arrive', async () => {
    const { client, ended, model } = setUp();
    client.job.mockResolvedValue(job({ state: 'done', done: 3 }));
    model.follow([job()]);
    await until(() => ended.length > 0);
    expect(client.job).toHaveBeenCalledWith('j1');
    expect(ended).toEqual(['/data/shared/old/']);
    model.dispose();
  });

  it('stay on the list with their error when they failed, or were lost, until they are cleared', async () => {
    const { client, model } = setUp();
    client.job.mockRejectedValue(refusal('not-found', 404, 'There is no such job.'));
    model.follow([job()]);
    await until(() => model.state.jobs[0]?.state === 'failed');
    expect(model.state.jobs[0]).toMatchObject({
      state: 'failed',
      error: { message: 'There is no such job.' }
    });
    model.clear();
    expect(model.state.jobs).toEqual([]);
    model.dispose();
  });
});
