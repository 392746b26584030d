import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';
import { useState } from 'react';

import type { NameProblem } from '../utils/paths';
import { nameProblem } from '../utils/paths';
import { folderIcon } from './icons';
import { useModel, usePanel } from './panel';

/** The row in which a new folder is named. */
export function NewFolder(): ReactElement | null {
  const { browser } = usePanel();
  const { naming } = useModel(browser);
  return naming ? <NewFolderRow /> : null;
}

function NewFolderRow(): ReactElement {
  const { browser, trans } = usePanel();
  const { naming, entries, path } = useModel(browser);
  const [name, setName] = useState('');
  // An error is about the name that was sent, not about the one that is typed now.
  const [sent, setSent] = useState<string | null>(null);
  const taken = new Set(entries.map(entry => entry.name));
  const problem = nameProblem(name, path, taken);
  const shown =
    naming?.error && sent === name
      ? naming.error.message
      : problem && problem !== 'empty'
        ? describe(problem, trans)
        : null;
  const commit = () => {
    if (!problem && !naming?.busy) {
      setSent(name);
      void browser.createFolder(name);
    }
  };
  return (
    <div className="wbs-NewFolder">
      <div className="wbs-NewFolder-row">
        <folderIcon.react tag="span" className="wbs-Icon" />
        <input
          className="wbs-Input"
          autoFocus
          spellCheck={false}
          placeholder={trans.__('Name of the new folder')}
          aria-label={trans.__('Name of the new folder')}
          aria-invalid={shown !== null}
          aria-describedby="wbs-newfolder-problem"
          readOnly={naming?.busy}
          value={name}
          onChange={event => setName(event.currentTarget.value)}
          onBlur={() => {
            if (name === '') {
              browser.endNaming();
            }
          }}
          onKeyDown={event => {
            event.stopPropagation();
            if (event.key === 'Enter') {
              commit();
            } else if (event.key === 'Escape') {
              browser.endNaming();
            }
          }}
        />
      </div>
      <div className="wbs-NewFolder-problem" id="wbs-newfolder-problem" role="alert">
        {shown}
      </div>
    </div>
  );
}

function describe(problem: NameProblem, trans: TranslationBundle): string {
  switch (problem) {
    case 'empty':
      return trans.__('A folder needs a name.');
    case 'dots':
      return trans.__('A folder cannot be called “.” or “..”.');
    case 'slash':
      return trans.__('A name cannot contain “/”.');
    case 'nul':
      return trans.__('A name cannot contain the character NUL.');
    case 'long':
      return trans.__('The path would be longer than object stores take (1,024 bytes).');
    case 'exists':
      return trans.__('Something here has that name already.');
  }
}
