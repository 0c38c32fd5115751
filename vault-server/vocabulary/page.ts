import { categoriesIn } from '#core/domain/catalogue.ts'
import type { Category, RdfMapping } from '#core/domain/catalogue.ts'
import type { Language } from '#core/domain/category-file.ts'
import { iri, namespaces } from '#core/domain/namespaces.ts'
import { vocabularyIri, vocabularyTerms } from '#core/domain/vocabulary-terms.ts'

/** The vocabulary for people: what stands where in a pod, and every term of ours. All links are relative. */
export function vocabularyPage(language: Language): string {
  const categories = categoriesIn(language)
  return `<!doctype html>
<html lang="${language}" dir="${language === 'ar' ? 'rtl' : 'ltr'}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The vocabulary of Reach</title>
<link rel="stylesheet" href="vocabulary/page.css">
<link rel="alternate" type="text/turtle" href="vocabulary.ttl">
<link rel="alternate" type="application/ld+json" href="vocabulary.jsonld">
<main>
<header lang="en" dir="ltr">
<h1>The vocabulary of Reach</h1>
<p>What stands in a customer’s pod, and in which words. Values are written with the terms of schema.org, vCard and FOAF; where
they have none, with ours, which begin with <code>${escape(namespaces.vrm)}</code> in every installation.</p>
<p>As RDF: <a href="vocabulary.ttl">Turtle</a>, <a href="vocabulary.jsonld">JSON-LD</a>. For replies of the gateway:
<a href="vocabulary/context.jsonld">JSON-LD context</a>.</p>
</header>
<nav aria-label="Categories"><ul>${categories
    .map(({ id, title }) => `<li><a href="vocabulary#${id}">${escape(title)}</a></li>`)
    .join('')}</ul></nav>
${categories.map(section).join('\n')}
<section lang="en" dir="ltr">
<h2 id="terms">Terms of ours</h2>
<dl>${vocabularyTerms()
    .map((term) => {
      const facts = [term.kind, term.domain && `of ${term.domain}`, term.range && `gives ${term.range}`]
      const comment = term.comment[language] ?? term.comment.en ?? ''
      return `<dt id="${escape(term.name.slice('vrm:'.length))}"><code>${escape(term.name)}</code></dt>
<dd lang="${language}" dir="auto">${escape(term.label[language] ?? term.label.en ?? '')}${comment === '' ? '' : `. ${escape(comment)}`}
<small lang="en">${escape(facts.filter(Boolean).join(', '))}</small></dd>`
    })
    .join('\n')}</dl>
</section>
<footer lang="en" dir="ltr"><p>The vocabulary is <code>${escape(vocabularyIri)}</code>.</p></footer>
</main>
</html>
`
}

function section({ id, title, description, file, rdfType, fields, derived }: Category): string {
  const rows = fields.flatMap((field) => [
    row([field.id, field.title, field.rdf, field.sensitivity, field.dpv]),
    ...Object.entries(field.rdf.properties ?? {}).map(([name, rdf]) =>
      row([`${field.id} / ${name}`, '', rdf, '', '']),
    ),
  ])
  const answers = derived.map(
    ({ id: field, title: answer, rule, from }) =>
      `<dt><code>${escape(field)}</code> ${escape(answer)}</dt><dd>${escape(rule)} <small>${escape(from.join(', '))}</small></dd>`,
  )
  return `<section>
<h2 id="${id}">${escape(title)}</h2>
<p>${escape(description)}</p>
<p lang="en" dir="ltr"><code>vrm/${escape(file)}</code>, about <code>&lt;#me&gt;</code>${
    rdfType === undefined ? '' : `, a <code>${escape(rdfType)}</code>`
  }</p>
<div class="table" dir="ltr" role="region" aria-label="${escape(title)}" tabindex="0"><table lang="en">
<thead><tr><th scope="col">Field</th><th scope="col">Title</th><th scope="col">Property</th><th scope="col">Value</th><th scope="col">Sensitivity</th><th scope="col">DPV</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>
${answers.length === 0 ? '' : `<dl>${answers.join('\n')}</dl>`}
</section>`
}

function row([id, title, rdf, sensitivity, dpv]: readonly [
  string,
  string,
  RdfMapping,
  string,
  string,
]): string {
  const forms: Readonly<Record<RdfMapping['as'], string>> = {
    literal: rdf.datatype ?? 'literal',
    iri: `IRI ${rdf.prefix ?? ''}`,
    term: `term of ${rdf.namespace ?? ''}`,
    node: `node ${rdf.type ?? ''}`,
    image: 'data: URL',
  }
  const cells = [
    title,
    link(rdf.predicate),
    `<code>${escape(forms[rdf.as])}</code>`,
    escape(sensitivity),
    escape(dpv),
  ]
  const [name, ...others] = cells
  return `<tr><th scope="row"><code>${escape(id)}</code></th><td>${escape(name ?? '')}</td>${others.map((cell) => `<td>${cell}</td>`).join('')}</tr>`
}

function link(name: string): string {
  const target = name.startsWith('vrm:') ? `vocabulary#${name.slice('vrm:'.length)}` : iri(name)
  return `<a href="${escape(target)}"><code>${escape(name)}</code></a>`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
}
