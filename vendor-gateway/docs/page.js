/* global SwaggerUIBundle -- of swagger-ui-bundle.js, which the page loads first */

/** Calls need a proof by a key of the business, which has no place in a page: nothing is sent from here. */
const withoutSignIn = {
  wrapComponents: { authorizeBtn: () => () => null, authorizeOperationBtn: () => () => null },
}

/** The one address as text, in place of a choice without a name that screen readers could say. */
const withAddress = {
  wrapComponents: {
    ServersContainer:
      (_choice, { React, specSelectors }) =>
      () =>
        React.createElement('p', null, 'Address: ', specSelectors.specJson().getIn(['servers', 0, 'url'])),
  },
}

/** A choice between the examples of one status needs a name. */
const withNamedExamples = {
  wrapComponents: {
    ExamplesSelect:
      (Select, { React }) =>
      (properties) =>
        React.createElement(
          'label',
          null,
          'Example',
          React.createElement(Select, { ...properties, showLabels: false }),
        ),
  },
}

/** As the reader likes it, and when that changes. */
const dark = matchMedia('(prefers-color-scheme: dark)')
const showScheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', showScheme)
showScheme()

SwaggerUIBundle({
  dom_id: '#operations',
  // Relative, so that it is found under any path that the gateway is mounted at.
  url: '../openapi.json',
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [withoutSignIn, withAddress, withNamedExamples],
  supportedSubmitMethods: [],
  // Else the description would be sent to a public validator.
  validatorUrl: null,
})
