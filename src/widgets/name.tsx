import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactElement } from 'react';

import { namePieces } from '../utils/names';

/** A name out of the bucket, as text: isolated from the text around it, nothing invisible. */
export function Name(props: {
  name: string;
  isFolder?: boolean;
  trans: TranslationBundle;
  className?: string;
}): ReactElement {
  const { name, isFolder, trans, className } = props;
  if (name === '') {
    return <bdi className={`wbs-Name-none ${className ?? ''}`}>{trans.__('(no name)')}</bdi>;
  }
  return (
    <bdi className={className}>
      {namePieces(name).map((piece, index) =>
        piece.marked ? (
          <span key={index} className="wbs-Name-mark">
            {piece.text}
          </span>
        ) : (
          piece.text
        )
      )}
      {isFolder && '/'}
    </bdi>
  );
}
