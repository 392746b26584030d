import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import boundaries from 'eslint-plugin-boundaries';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** One of the layers, and those that it may import from. */
function mayUse(type, types) {
  return { from: { element: { type } }, allow: { to: { element: { types: { anyOf: types } } } } };
}

/** Forbids imports that match, and the connection to the server everywhere but in api/client. */
function onlyImports(regex, message) {
  const connection = {
    name: '@jupyterlab/services',
    importNames: ['ServerConnection'],
    message: 'Only api/client talks to the server.'
  };
  return {
    'no-restricted-imports': ['error', { paths: [connection], patterns: [{ regex, message }] }]
  };
}

export default tseslint.config(
  {
    ignores: [
      '.*/**',
      'build/**',
      'coverage/**',
      'dist/**',
      'lib/**',
      'node_modules/**',
      'playwright-report/**',
      'src/api/generated.ts',
      'test-results/**',
      'wherobots_storage/**'
    ]
  },
  js.configs.recommended,
  {
    files: ['src/**/*.{ts,tsx}', 'tests/ui/**/*.ts', 'tests/integration/browser/**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname }
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      // JupyterLab's convention: interfaces begin with I, options live in a same-named namespace.
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'interface', format: ['PascalCase'], prefix: ['I'] },
        {
          selector: 'memberLike',
          modifiers: ['private'],
          format: ['camelCase'],
          leadingUnderscore: 'require'
        }
      ],
      '@typescript-eslint/no-namespace': 'off',
      // An index is checked by the line before more often than not; the types say undefined anyway.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }
      ],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      eqeqeq: 'error',
      'no-console': ['error', { allow: ['warn', 'error'] }]
    }
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': reactHooks },
    rules: {
      ...reactHooks.configs.recommended.rules,
      // It is about React's compiler, which this project does not use.
      'react-hooks/incompatible-library': 'off'
    }
  },
  {
    // index -> plugins -> widgets -> model -> api, and utils and tokens beside them.
    files: ['src/**/*.{ts,tsx}'],
    ignores: ['src/**/__tests__/**'],
    plugins: { boundaries },
    settings: {
      'import/resolver': { typescript: { project: './tsconfig.json' } },
      'boundaries/elements': [
        { type: 'plugins', pattern: 'src/plugins' },
        { type: 'widgets', pattern: 'src/widgets' },
        { type: 'model', pattern: 'src/model' },
        { type: 'api', pattern: 'src/api' },
        { type: 'utils', pattern: 'src/utils' }
      ]
    },
    rules: {
      'boundaries/no-unknown-files': 'off',
      'boundaries/dependencies': [
        'error',
        {
          default: 'disallow',
          policies: [
            mayUse('plugins', ['plugins', 'widgets', 'model', 'api', 'utils']),
            mayUse('widgets', ['widgets', 'model', 'api', 'utils']),
            mayUse('model', ['model', 'api', 'utils']),
            mayUse('api', ['api']),
            mayUse('utils', ['utils'])
          ]
        }
      ]
    }
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    ignores: ['src/api/client.ts', 'src/**/__tests__/**'],
    rules: {
      ...onlyImports('(^|/)(index|\\.{1,2})$', 'No import through a barrel.'),
      'no-restricted-globals': ['error', 'fetch']
    }
  },
  {
    // Of the files beside the layers, index.ts sees the plugins only, and tokens.ts no plugin.
    files: ['src/index.ts'],
    rules: onlyImports('^\\./(?!plugins/)', 'The array of plugins, and nothing else.')
  },
  {
    files: ['src/tokens.ts'],
    rules: onlyImports('^\\./plugins/', 'Plugins depend on tokens, not the other way round.')
  },
  {
    files: ['src/{widgets,model,api,utils}/*.{ts,tsx}'],
    ignores: ['src/api/client.ts'],
    rules: onlyImports('/(tokens|index)$|^\\.{1,2}$', 'Tokens are for plugins; no barrels.')
  },
  {
    // A test tells what it does in its name, and a suite is as long as its subject.
    files: ['src/**/__tests__/**', 'tests/ui/**', 'tests/integration/browser/**'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off'
    }
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: { console: 'readonly', module: 'writable', process: 'readonly', URL: 'readonly' }
    },
    rules: { 'no-unused-vars': ['error', { varsIgnorePattern: '^_' }] }
  },
  prettier
);
