import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';

const hull = document.getElementById('hull');
if (hull !== null) mount(App, { target: hull });
