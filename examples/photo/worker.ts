import { serveClassifier } from 'fovea/classifier'

serveClassifier()
